//! A service that passes on what an upstream answers, where the upstream goes wrong
//! in every way that upstreams do: [`service`] is how to call it, [`upstream`] goes
//! wrong, and [`metrics`] is what Prometheus sees of it.

pub mod metrics;
pub mod service;
pub mod upstream;

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// A socket on this host; `port` 0 means any free port.
///
/// # Errors
///
/// If the port is taken.
pub async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}
