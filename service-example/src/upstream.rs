//! An upstream that goes wrong on demand.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it answers at once.
    None,
    /// It answers 500.
    Errors,
    /// It answers after so long.
    Slow(Duration),
    /// It accepts requests and never answers.
    Hangs,
    /// It accepts no connections.
    Refuses,
}

/// A server of one route, `GET /rate`.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    asked: Arc<AtomicU64>,
    /// What serves it, while it takes connections.
    server: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts it on a free port, with nothing wrong.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start() -> std::io::Result<Self> {
        let address = crate::listen(0).await?.local_addr()?;
        let (fault, asked) = (watch::Sender::new(Fault::Refuses), Arc::default());
        let mut upstream = Self { address, fault, asked, server: None };
        upstream.set(Fault::None).await?;
        Ok(upstream)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests have come in.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Goes wrong in this way from now on. Requests that hang fail, so that no
    /// earlier connection is left.
    ///
    /// # Errors
    ///
    /// If its port was taken while it refused connections.
    pub async fn set(&mut self, fault: Fault) -> std::io::Result<()> {
        self.fault.send_replace(fault);
        if fault == Fault::Refuses {
            if let Some(server) = self.server.take() {
                // The channel has told it to drop its connections.
                let _ = server.await;
            }
        } else if self.server.is_none() {
            self.server = Some(self.serve().await?);
        }
        Ok(())
    }

    async fn serve(&self) -> std::io::Result<JoinHandle<()>> {
        let listener = crate::listen(self.address.port()).await?;
        let (fault, asked) = (self.fault.subscribe(), self.asked.clone());
        let rate = async move || {
            asked.fetch_add(1, Ordering::Relaxed);
            answer(fault).await
        };
        let mut refuses = self.fault.subscribe();
        let stopped = async move {
            // An error means that the upstream is gone.
            let _ = refuses.wait_for(|fault| *fault == Fault::Refuses).await;
        };
        let app = Router::new().route("/rate", get(rate));
        Ok(tokio::spawn(async {
            let server = axum::serve(listener, app).with_graceful_shutdown(stopped);
            server.await.expect("axum's server does not fail");
        }))
    }
}

async fn answer(mut fault: watch::Receiver<Fault>) -> Result<&'static str, StatusCode> {
    let now = *fault.borrow_and_update();
    let work = async {
        match now {
            Fault::None => Ok("1.0830"),
            Fault::Errors | Fault::Refuses => Err(StatusCode::INTERNAL_SERVER_ERROR),
            Fault::Slow(time) => {
                tokio::time::sleep(time).await;
                Ok("1.0830")
            }
            Fault::Hangs => pending().await,
        }
    };
    tokio::select! {
        answer = work => answer,
        _ = fault.changed() => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}
