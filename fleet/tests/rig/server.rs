//! A `redis-server` for one test, on a free port of the loopback.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const PASSWORD: &str = "not a secret";

/// Names another server to test with, such as `valkey-server`.
const SERVER: &str = "MICROBREAKER_REDIS_SERVER";

/// Killed when it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    options: Vec<String>,
}

/// One of which the other is free too that the nodes of a cluster use among themselves.
pub(crate) fn free_port() -> u16 {
    let bind = |port| TcpListener::bind(("127.0.0.1", port));
    let free = || bind(0).unwrap().local_addr().unwrap().port();
    let has_other = |port: &u16| port.checked_add(10_000).is_some_and(|other| bind(other).is_ok());
    std::iter::repeat_with(free).find(has_other).unwrap()
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_on(free_port(), Vec::new())
    }

    /// With more options than those that each has.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::start_on(free_port(), options.iter().map(ToString::to_string).collect())
    }

    fn start_on(port: u16, options: Vec<String>) -> Self {
        let program = std::env::var(SERVER).unwrap_or_else(|_| "redis-server".into());
        let process = Command::new(&program)
            .args(["--port", &port.to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD])
            .args(&options)
            .stdout(Stdio::null())
            .spawn();
        let process = process.unwrap_or_else(|error| {
            panic!("{program}: {error}: install the package redis-server, or set {SERVER}")
        });
        let mut server = Self { process, port, options };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.process.try_wait().unwrap();
            assert!(ended.is_none(), "{program} does not take {:?}", server.options);
            assert!(Instant::now() < deadline, "{program} does not listen on port {port}");
            std::thread::yield_now();
        }
        server
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
        *self = Self::start_on(self.port, std::mem::take(&mut self.options));
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
