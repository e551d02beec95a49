//! A form that takes a file, and says how long the file is and what it begins with.
//!
//! ```text
//! upload [ADDRESS]        127.0.0.1:8080 unless given; port 0 lets the system choose
//!
//! curl -F title=Holidays -F photo=@a.jpg http://127.0.0.1:8080/
//! ```

use std::io::{self, Read};
use tinyhttp_server::{Error, Request, Response, Route, Router, Server};

/// The longest form, in bytes. It is received into a temporary file, without a thread.
const LONGEST: u64 = 100 << 20;

const PAGE: &str = "<!doctype html><title>Upload</title><form method=post enctype=multipart/form-data>\
    <input name=title><input name=photo type=file><button>Send</button></form>";

fn receive(request: Request<'_>) -> Result<String, Error> {
    let mut form = request.into_multipart(LONGEST)?;
    let mut answer = String::new();
    while let Some(mut part) = form.next_part()? {
        let name = part.name().to_owned();
        if part.file_name().is_none() {
            answer += &format!("{name}: {}\n", part.into_text(1024)?);
            continue;
        }
        let mut first = Vec::new();
        (&mut part).take(8).read_to_end(&mut first)?;
        let length = first.len() as u64 + io::copy(&mut part, &mut io::sink())?;
        answer += &format!("{name}: {length} bytes, from {} on\n", first.escape_ascii());
    }
    Ok(answer)
}

fn main() -> io::Result<()> {
    let app = Router::new()
        .get("/", |_: Request<'_>| Response::html(PAGE))
        .post("/", Route::new(receive).max_body(LONGEST));
    let address = std::env::args()
        .nth(1)
        .unwrap_or("127.0.0.1:8080".to_owned());
    let server = Server::bind(address)?.start(app)?;
    println!("Listening at http://{}/", server.local_addrs()[0]);
    server.run()
}
