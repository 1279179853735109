//! A service that answers with what an upstream says, which goes wrong in every
//! way that upstreams do: [`service`] is how to call it, [`upstream`] goes wrong, and
//! [`metrics`] is what Prometheus sees of that.

pub mod metrics;
pub mod service;
pub mod upstream;

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// A socket of this host: `port` 0 is any that is free.
///
/// # Errors
///
/// If the port is taken.
pub async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}
