//! One `redis-server`, on a free port of the loopback.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use microbreaker_fleet::RedisStore;
use tokio::net::TcpStream;

/// The administrator's. The instances are the user `fleet`.
const PASSWORD: &str = "administrator";
/// Names another server to try, such as `valkey-server`.
const SERVER: &str = "MICROBREAKER_REDIS_SERVER";

pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    clock: Option<Clock>,
}

/// What lets a server's clock be set.
#[derive(Clone)]
struct Clock {
    preloaded: String,
    file: PathBuf,
}

impl Server {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::start_on(free_port()?, None).await
    }

    /// One whose clock can be set.
    pub(crate) async fn start_with_clock() -> anyhow::Result<Self> {
        let port = free_port()?;
        let output = Command::new("faketime")
            .args(["-m", "-f", "+0", "printenv", "LD_PRELOAD"])
            .output()
            .context("faketime is not there: install its package")?;
        // jemalloc reads the clock before faketime is ready, so the C library's own comes first.
        let preloaded =
            format!("libc_malloc_debug.so.0:{}", str::from_utf8(&output.stdout)?.trim());
        let file = std::env::temp_dir().join(format!("microbreaker-clock-{port}"));
        fs::write(&file, "+0")?;
        Self::start_on(port, Some(Clock { preloaded, file })).await
    }

    async fn start_on(port: u16, clock: Option<Clock>) -> anyhow::Result<Self> {
        let program = std::env::var(SERVER).unwrap_or_else(|_| "redis-server".into());
        let mut command = Command::new(&program);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--requirepass", PASSWORD, "--user", "fleet", "on", ">trial"])
            .args(RedisStore::acl("trial").split(' '))
            .stdout(Stdio::null());
        if let Some(Clock { preloaded, file }) = &clock {
            command
                .env("LD_PRELOAD", preloaded)
                .env("FAKETIME_TIMESTAMP_FILE", file)
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let process = command.spawn().with_context(|| {
            format!("{program} is not there: install the package redis-server, or set {SERVER}")
        })?;
        let server = Self { process, port, clock };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("{program} does not listen on port {port}")
    }

    /// For an instance that reaches it at `address`.
    pub(crate) fn url_at(address: SocketAddr) -> String {
        format!("redis://fleet:trial@{address}/0")
    }

    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        *self = Self::start_on(self.port, self.clock.take()).await?;
        Ok(())
    }

    pub(crate) fn signal(&self, signal: &str) -> anyhow::Result<()> {
        crate::trial::signal(signal, self.process.id())
    }

    /// Sets its clock this far off.
    pub(crate) fn set_clock(&self, off: &str) -> anyhow::Result<()> {
        let clock = self.clock.as_ref().context("its clock cannot be set")?;
        Ok(fs::write(&clock.file, off)?)
    }

    /// Its clock, in seconds.
    pub(crate) fn time(&self) -> anyhow::Result<u64> {
        let (seconds, _): (u64, u64) = redis::cmd("TIME").query(&mut self.connection()?)?;
        Ok(seconds)
    }

    /// Carries out a command as the administrator.
    pub(crate) fn command(&self, command: &str) -> anyhow::Result<()> {
        let mut words = command.split(' ');
        let mut call = redis::cmd(words.next().context("a command has a name")?);
        words.for_each(|word| _ = call.arg(word));
        call.exec(&mut self.connection()?).with_context(|| command.to_owned())
    }

    /// The administrator's.
    pub(crate) fn connection(&self) -> anyhow::Result<redis::Connection> {
        let url = format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port);
        Ok(redis::Client::open(url)?.get_connection()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(clock) = &self.clock {
            let _ = fs::remove_file(&clock.file);
        }
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
