//! Calls that wait: the code is a list of what happens, and each side needs a thread to wait in.

use crate::calls::{BLOCKING, accept, close, connect, listener, recv, send, socket};
use rustix::io::{Errno, Result};
use std::os::fd::OwnedFd;

pub(crate) fn exchange(port: u16) -> Result<()> {
    let (listener, address) = listener(port, BLOCKING)?;
    std::thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener));
        let client = socket("client", BLOCKING)?;
        connect(&client, address)?;
        send("client", &client, "hello, server")?;
        recv("client", &client)?;
        close("client", client);
        server.join().unwrap_or(Err(Errno::CANCELED))
    })?;
    close("server", listener);
    Ok(())
}

fn serve(listener: &OwnedFd) -> Result<()> {
    let accepted = accept(listener, BLOCKING)?;
    recv("server", &accepted)?;
    send("server", &accepted, "hello, client")?;
    recv("server", &accepted)?;
    close("server", accepted);
    Ok(())
}
