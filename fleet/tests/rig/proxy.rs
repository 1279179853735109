//! A way to a server that can be cut, without either end hearing of it.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// How often it has been cut.
    cuts: watch::Sender<u32>,
}

impl Proxy {
    /// Before `port`, on a port of its own.
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy =
            Self { port: listener.local_addr().unwrap().port(), cuts: watch::Sender::default() };
        let cuts = proxy.cuts.subscribe();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        // Both stay open, and nothing goes through.
                        _ = cuts.changed() => std::future::pending().await,
                    }
                });
            }
        });
        proxy
    }

    /// Swallows all that goes through the connections of before. New ones work.
    pub(crate) fn swallow(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}
