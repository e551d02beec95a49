//! nginx, with a configuration of the test's own.

use super::{Folder, Running};
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts nginx with this text in its `http` block, and with its own files in the folder. `None`,
/// and a line that says so, if it is not installed.
pub fn nginx(folder: &Folder, http: &str) -> Option<Running> {
    let places = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
    let Some(program) = places.map(Path::new).into_iter().find(|it| it.exists()) else {
        eprintln!("skipped: nginx is not installed");
        return None;
    };
    let configuration = format!(
        "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;
         events {{ worker_connections 64; }}
         http {{
           access_log off;
           client_body_temp_path {0}/1; proxy_temp_path {0}/2; fastcgi_temp_path {0}/3;
           uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;
           {http}
         }}",
        folder.path().display()
    );
    std::fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
    let child = Command::new(program)
        .arg("-c")
        .arg(folder.path().join("nginx.conf"))
        .arg("-p")
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Some(Running(child))
}
