//! A `redis-server` for one test, on a free port of the loopback.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const PASSWORD: &str = "not a secret";

/// Killed when it is dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_on(free)
    }

    fn start_on(port: u16) -> Self {
        let options = ["--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD];
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string()])
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is not there: install the package redis-server");
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not listen on port {port}");
            std::thread::yield_now();
        }
        Self { process, port }
    }

    pub(crate) fn url(&self) -> String {
        self.url_of("default", PASSWORD)
    }

    pub(crate) fn url_of(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{}@127.0.0.1:{}/0", password.replace(' ', "%20"), self.port)
    }

    /// Kills it, and starts another on the same port, which knows nothing.
    pub(crate) fn restart(&mut self) {
        self.kill();
        *self = Self::start_on(self.port);
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Carries out a command as the administrator.
    pub(crate) fn command<T: redis::FromRedisValue>(&self, command: &str) -> T {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let mut words = command.split_whitespace();
        let mut call = redis::cmd(words.next().unwrap());
        words.for_each(|word| _ = call.arg(word));
        call.query(&mut connection).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
