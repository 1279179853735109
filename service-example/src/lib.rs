//! A service that passes on the answers of an upstream, which fails in every way that
//! upstreams do. [`service`] shows how to call it, [`upstream`] fails on demand, and
//! [`metrics`] is what Prometheus scrapes.

pub mod metrics;
pub mod service;
pub mod upstream;

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// Listens on the loopback address; `port` 0 means any free port.
///
/// # Errors
///
/// If the port is taken.
pub async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}
