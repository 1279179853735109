//! Whom to trust, and who we are.

use redis::{Client, ClientTlsConfig, ConnectionAddr, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::server::Server;
use super::{RedisStore, failed};
use crate::record::StoreError;

/// Both of them as PEM.
#[derive(Clone, Default)]
pub(super) struct Certificates {
    trusted: Option<Vec<u8>>,
    own: Option<ClientTlsConfig>,
}

impl RedisStore {
    /// Trusts the certificates of `roots`, as PEM, instead of those that the system trusts.
    ///
    /// # Errors
    ///
    /// If `roots` is no PEM, or a URL does not begin with `rediss://`.
    pub fn trust(mut self, roots: &[u8]) -> Result<Self, StoreError> {
        check(roots)?;
        self.certificates.trusted = Some(roots.to_owned());
        self.with_certificates()
    }

    /// Presents a certificate of its own, as servers demand unless they are told not to:
    /// both as PEM.
    ///
    /// # Errors
    ///
    /// If either is no PEM, or a URL does not begin with `rediss://`.
    pub fn present(mut self, certificate: &[u8], key: &[u8]) -> Result<Self, StoreError> {
        check(certificate)?;
        let (client_cert, client_key) = (certificate.to_owned(), key.to_owned());
        self.certificates.own = Some(ClientTlsConfig { client_cert, client_key });
        self.with_certificates()
    }

    fn with_certificates(self) -> Result<Self, StoreError> {
        let nodes = self.server.nodes().iter();
        let nodes: Result<_, _> = nodes.map(|node| self.certificates.for_node(node)).collect();
        Ok(Self { server: Server::of(nodes?), ..self })
    }
}

/// Refuses what would be taken for a list without entries.
fn check(certificates: &[u8]) -> Result<(), StoreError> {
    match CertificateDer::pem_slice_iter(certificates).next() {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(StoreError::new(format!("no certificate as PEM: {error}"))),
        None => Err(StoreError::new("there is no certificate in the PEM")),
    }
}

impl Certificates {
    pub(super) fn for_node(&self, node: &Client) -> Result<Client, StoreError> {
        let info = node.get_connection_info().clone();
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            // Otherwise rustls panics when there are several to choose from.
            if CryptoProvider::get_default().is_none() {
                let _ = ring::default_provider().install_default();
            }
        } else if self.trusted.is_none() && self.own.is_none() {
            return Ok(node.clone());
        }
        let client_tls = self.own.clone();
        let certificates = TlsCertificates { client_tls, root_cert: self.trusted.clone() };
        Client::build_with_tls(info, certificates).map_err(failed)
    }
}
