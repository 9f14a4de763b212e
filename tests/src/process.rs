//! A server as a process of its own: what can be killed.

use crate::http::Client;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `skald serve` on a free port; killed when dropped.
pub struct Skald {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
}

impl Skald {
    /// Starts the binary over a data directory and waits until it says that it is ready.
    pub fn start(binary: &Path, data: &Path, arguments: &[&str]) -> Skald {
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server's binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the server prints a line");
        let at = line
            .find("127.0.0.1:")
            .unwrap_or_else(|| panic!("no address in the server's first line: {line:?}"));
        let address = line[at..]
            .split(|c: char| c.is_whitespace() || c == ',')
            .next()
            .unwrap_or_default()
            .to_owned();
        Skald { child, address }
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(&self.address)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server ends");
    }

    /// SIGTERM, and waits; gives whether it ended well.
    pub fn terminate(mut self) -> bool {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(
            sent.expect("kill runs").success(),
            "SIGTERM reaches the server"
        );
        self.child.wait().expect("the server ends").success()
    }
}

impl Drop for Skald {
    fn drop(&mut self) {
        // After `kill` and `terminate` there is nothing left to end: both calls then fail harmlessly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
