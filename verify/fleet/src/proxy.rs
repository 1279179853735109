//! A way to the server that can be slow, or cut without either end hearing of it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    Open,
    /// Each answer takes this much longer.
    Slow(Duration),
    Cut,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
}

impl Proxy {
    /// Listens on `address` and leads to `server`, a port of this machine. Within a
    /// `LocalSet`.
    pub(crate) async fn start(address: IpAddr, server: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let (address, way) = (listener.local_addr()?, watch::Sender::new(Way::Open));
        let ways = way.subscribe();
        task::spawn_local(async move {
            while let Ok((client, _)) = listener.accept().await {
                let ways = ways.clone();
                task::spawn_local(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                        return;
                    };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    // When one ends, both connections do.
                    tokio::select! {
                        () = pump(from_client, to_server, ways.clone(), false) => {}
                        () = pump(from_server, to_client, ways, true) => {}
                    }
                });
            }
        });
        Ok(Self { address, way })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut ways: watch::Receiver<Way>,
    answers: bool,
) {
    let mut some = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut some).await {
        let Ok(way) = ways.wait_for(|way| *way != Way::Cut).await.map(|way| *way) else { return };
        if let (Way::Slow(time), true) = (way, answers) {
            tokio::time::sleep(time).await;
        }
        if to.write_all(&some[..length]).await.is_err() {
            return;
        }
    }
}
