//! A web server of another make, which serves a folder.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running server; ended when dropped.
pub struct WebServer {
    child: Child,
    /// The URL of the folder, without a slash at its end.
    pub url: String,
}

impl WebServer {
    /// Serves a folder on 127.0.0.NUMBER.
    pub fn start(folder: &Path, number: u8) -> Self {
        let address = format!("127.0.0.{number}");
        let mut child = Command::new("/usr/bin/python3")
            .args(["-u", "-m", "http.server", "0", "--bind", &address, "--directory"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // "Serving HTTP on 127.0.0.11 port 41234 (http://127.0.0.11:41234/) ..."
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.split(['(', ')']).nth(1).expect("it says where it listens");
        Self { url: url.trim_end_matches('/').to_owned(), child }
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
