//! A server as a process of its own: what can be killed.

use crate::http::Client;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `skald serve` on a free port; killed when dropped.
pub struct Skald {
    child: Child,
    listens_everywhere: bool,
    /// `127.0.0.1:PORT`
    pub address: String,
}

impl Skald {
    /// Starts the binary over a data directory and waits until it says that it is ready.
    pub fn start(binary: &Path, data: &Path, arguments: &[&str]) -> Skald {
        let mut command = Command::new(binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        Skald::run(command.arg(data).args(arguments))
    }

    /// Starts a command that serves, and waits until it says that it is ready.
    pub fn run(command: &mut Command) -> Skald {
        Skald::try_run(command, Stdio::null()).expect("the server says where it listens")
    }

    /// The same with its log going there; `None` when it ends before it is ready.
    pub fn try_run(command: &mut Command, stderr: Stdio) -> Option<Skald> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the server's binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the server's first line is text");
        let at = line.find("://").map(|at| at + "://".len());
        let Some(at) = at else {
            child.wait().expect("the server ends");
            return None;
        };
        let address = line[at..]
            .split(|c: char| c.is_whitespace() || c == ',')
            .next()
            .unwrap_or_default();
        let everywhere = ["[::]", "0.0.0.0"]
            .iter()
            .find_map(|every| address.strip_prefix(every));
        Some(Skald {
            child,
            listens_everywhere: everywhere.is_some(),
            address: everywhere.map_or(address.to_owned(), |port| format!("127.0.0.1{port}")),
        })
    }

    /// Whether it listens on every address.
    pub fn listens_everywhere(&self) -> bool {
        self.listens_everywhere
    }

    /// Threads it has now.
    pub fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.id())).map_or(0, Iterator::count)
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
        // After `kill` and `terminate` there is nothing left to end: both calls then fail
        // harmlessly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
