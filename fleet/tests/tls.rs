//! The store over TLS.
#![cfg(feature = "tls")]

mod rig {
    pub(crate) mod on_server;
    pub(crate) mod server;
}

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use microbreaker_fleet::{Action, RedisStore, Store};
use microbreaker_std::clock::PausedClock;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rig::on_server::{Instance, order, until_it_answers, works};
use rig::server::{PASSWORD, Server, free_port};
use tokio_stream::StreamExt as _;

/// Who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
}

struct Certificate {
    text: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), root }
    }

    fn certify(&self, name: &str) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let text = params.signed_by(&key, &self.issuer).unwrap().pem();
        Certificate { text, key: key.serialize_pem() }
    }
}

/// A server that listens for both, so that the test can always give it commands.
struct TlsServer {
    server: Server,
    port: u16,
    folder: PathBuf,
}

impl TlsServer {
    fn start(authority: &Authority, certificate: &Certificate, clients: &str) -> Self {
        let port = free_port();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{port}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("root"), &authority.root).unwrap();
        write(&folder, certificate);
        let path = |name: &str| folder.join(name).display().to_string();
        let (root, text, key) = (path("root"), path("text"), path("key"));
        let server = Server::start_with(&[
            "--tls-port",
            &port.to_string(),
            "--tls-ca-cert-file",
            &root,
            "--tls-cert-file",
            &text,
            "--tls-key-file",
            &key,
            "--tls-auth-clients",
            clients,
        ]);
        Self { server, port, folder }
    }

    fn url_of(&self, user: &str, password: &str) -> String {
        format!("rediss://{user}:{}@127.0.0.1:{}/0", password.replace(' ', "%20"), self.port)
    }

    /// Shows another one from now on.
    fn show(&self, certificate: &Certificate) {
        write(&self.folder, certificate);
        let path = |name: &str| self.folder.join(name).display().to_string();
        let (text, key) = (path("text"), path("key"));
        let _: String =
            self.server.command(&format!("CONFIG SET tls-cert-file {text} tls-key-file {key}"));
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn write(folder: &std::path::Path, certificate: &Certificate) {
    fs::write(folder.join("text"), &certificate.text).unwrap();
    fs::write(folder.join("key"), &certificate.key).unwrap();
}

#[tokio::test]
async fn a_fleet_meets_over_tls_with_a_password_and_certificates_of_both_sides() {
    let authority = Authority::new("ours");
    let server = TlsServer::start(&authority, &authority.certify("127.0.0.1"), "yes");
    let acl = RedisStore::acl("p");
    let _: String = server.server.command(&format!("ACL SETUSER fleet on >pass {acl}"));
    let url = server.url_of("fleet", "pass");
    let anonymous = RedisStore::new(&url, "p").unwrap().trust(authority.root.as_bytes()).unwrap();
    let own = authority.certify("pod-7");
    let store = anonymous.clone().present(own.text.as_bytes(), own.key.as_bytes()).unwrap();
    works(&store, "users").await;

    let mut hints = store.hints();
    let next = tokio::spawn(async move { hints.next().await });
    let instance = Instance::new(store, &PausedClock::new());
    instance.fleet.order(&order("users", Action::Reset, None)).await.unwrap();
    instance.exchange().await;
    drop(instance.registry.get("users"));
    instance.exchange().await;
    assert!(instance.fleet.status("users").unwrap().order.is_some());
    let next = tokio::time::timeout(Duration::from_secs(20), next);
    assert_eq!(next.await.unwrap().unwrap(), Some(()));
    for user in ["fleet:wrong", "nobody:pass"] {
        let (user, password) = user.split_once(':').unwrap();
        let wrong = RedisStore::new(&server.url_of(user, password), "p").unwrap();
        let wrong = wrong.trust(authority.root.as_bytes()).unwrap();
        let wrong = wrong.present(own.text.as_bytes(), own.key.as_bytes()).unwrap();
        assert!(Instance::new(wrong, &PausedClock::new()).fleet.exchange().await.is_err());
    }
    let anonymous = Instance::new(anonymous, &PausedClock::new());
    let error = anonymous.fleet.exchange().await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_put_right_is_enough() {
    let (authority, other) = (Authority::new("ours"), Authority::new("another"));
    let of_other = other.certify("127.0.0.1");
    let server = TlsServer::start(&authority, &of_other, "no");
    let store = RedisStore::new(&server.url_of("default", PASSWORD), "p").unwrap();
    let store = store.trust(authority.root.as_bytes()).unwrap();
    let instance = Instance::new(store.clone(), &PausedClock::new());
    for (wrong, why) in
        [(of_other, "UnknownIssuer"), (authority.certify("127.0.0.2"), "not valid for name")]
    {
        server.show(&wrong);
        let _: u32 = server.server.command("CLIENT KILL TYPE normal");
        // That of before is gone.
        assert!(instance.fleet.exchange().await.is_err());
        let error = instance.fleet.exchange().await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(instance.registry.get("users").try_acquire().is_ok());

        server.show(&authority.certify("127.0.0.1"));
        until_it_answers(&instance).await;
        works(&store, "users").await;
    }
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_when_the_store_is_built() {
    let store = |url| RedisStore::new(url, "p").unwrap();
    let root = Authority::new("ours").root;
    let error = store("rediss://127.0.0.1").trust(b"nonsense").err().unwrap().to_string();
    assert!(error.contains("no certificate"), "{error}");
    assert!(store("rediss://127.0.0.1").present(root.as_bytes(), b"nonsense").is_err());
    let error = store("redis://127.0.0.1").trust(root.as_bytes()).err().unwrap().to_string();
    assert!(error.contains("rediss://"), "{error}");
}
