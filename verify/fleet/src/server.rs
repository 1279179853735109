//! One `redis-server`, on a free port of the loopback.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PASSWORD: &str = "trial";

pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Self::start_on(port).await
    }

    async fn start_on(port: u16) -> anyhow::Result<Self> {
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--requirepass", PASSWORD])
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server is not there: install the package redis-server")?;
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(Self { process, port });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("redis-server does not listen on port {port}")
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/0", self.port)
    }

    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        *self = Self::start_on(self.port).await?;
        Ok(())
    }

    pub(crate) fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &id]).status()?;
        anyhow::ensure!(status.success(), "kill -{signal} {id}: {status}");
        Ok(())
    }

    pub(crate) async fn wipe(&self) -> anyhow::Result<()> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await?;
        connection.write_all(format!("AUTH {PASSWORD}\r\nFLUSHALL\r\n").as_bytes()).await?;
        let mut answer = [0; 10];
        connection.read_exact(&mut answer).await?;
        anyhow::ensure!(&answer == b"+OK\r\n+OK\r\n", "{}", String::from_utf8_lossy(&answer));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
