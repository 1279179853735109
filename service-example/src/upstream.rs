//! An upstream that fails on demand.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the upstream fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not: it answers at once.
    None,
    /// It answers 500.
    Errors,
    /// It answers after this time.
    Slow(Duration),
    /// It accepts requests and never answers.
    Hangs,
    /// It answers 429 (too many requests), and to try again after these seconds.
    TooMany(u32),
    /// It answers 200, and breaks off in the middle of the body.
    BreaksOff,
    /// It answers as a server of gRPC does, with this code and no message.
    Grpc(u32),
    /// It accepts no connections.
    Refuses,
}

/// A server with one route, `GET /rate`.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    asked: Arc<AtomicU64>,
    /// The task that serves it, unless it refuses connections.
    server: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts a healthy upstream on a free port.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start() -> io::Result<Self> {
        let address = crate::listen(0).await?.local_addr()?;
        let (fault, asked) = (watch::Sender::new(Fault::Refuses), Arc::default());
        let mut upstream = Self { address, fault, asked, server: None };
        upstream.set(Fault::None).await?;
        Ok(upstream)
    }

    /// The address that it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has received.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Says how many requests it has received by then.
    pub fn asks(&self) -> impl Fn() -> u64 + use<> {
        let asked = self.asked.clone();
        move || asked.load(Ordering::Relaxed)
    }

    /// Fails like this from now on. Pending requests fail at once, so that no earlier
    /// connection stays open.
    ///
    /// # Errors
    ///
    /// If another program took its port while it refused connections.
    pub async fn set(&mut self, fault: Fault) -> io::Result<()> {
        self.fault.send_replace(fault);
        if fault == Fault::Refuses {
            if let Some(server) = self.server.take() {
                // It stops because `fault` has changed.
                let _ = server.await;
            }
        } else if self.server.is_none() {
            self.server = Some(self.serve().await?);
        }
        Ok(())
    }

    async fn serve(&self) -> io::Result<JoinHandle<()>> {
        let listener = crate::listen(self.address.port()).await?;
        let (fault, asked) = (self.fault.subscribe(), self.asked.clone());
        let rate = async move || {
            asked.fetch_add(1, Ordering::Relaxed);
            answer(fault).await
        };
        let mut refuses = self.fault.subscribe();
        let stopped = async move {
            // An error means that the `Upstream` was dropped.
            let _ = refuses.wait_for(|fault| *fault == Fault::Refuses).await;
        };
        let app = Router::new().route("/rate", get(rate));
        Ok(tokio::spawn(async {
            let server = axum::serve(listener, app).with_graceful_shutdown(stopped);
            server.await.expect("axum's server does not fail");
        }))
    }
}

async fn answer(mut fault: watch::Receiver<Fault>) -> Response {
    const RATE: &str = "1.0830";
    let now = *fault.borrow_and_update();
    let work = async {
        match now {
            Fault::None => RATE.into_response(),
            Fault::Errors | Fault::Refuses => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Fault::Slow(time) => {
                tokio::time::sleep(time).await;
                RATE.into_response()
            }
            Fault::Hangs => pending().await,
            Fault::TooMany(seconds) => {
                let wait = [("retry-after", seconds.to_string())];
                (StatusCode::TOO_MANY_REQUESTS, wait, "slow down").into_response()
            }
            Fault::BreaksOff => {
                let parts = [Ok(&RATE[..3]), Err(io::ErrorKind::ConnectionReset)];
                Body::from_stream(stream::iter(parts.map(|it| it.map_err(io::Error::from))))
                    .into_response()
            }
            Fault::Grpc(code) => {
                let head =
                    [("content-type", "application/grpc"), ("grpc-status", &code.to_string())];
                (head, ()).into_response()
            }
        }
    };
    tokio::select! {
        answer = work => answer,
        _ = fault.changed() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
