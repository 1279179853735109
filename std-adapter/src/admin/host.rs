//! For which host a request is, and whether a page of this host sent it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;

/// The hosts that are allowed, in lower case. None means all.
#[derive(Clone, Default)]
pub(super) struct Hosts(Option<Arc<[String]>>);

impl Hosts {
    pub(super) fn new(hosts: impl Iterator<Item = String>) -> Self {
        Self(Some(hosts.map(|host| host.to_ascii_lowercase()).collect()))
    }

    fn allow(&self, host: Option<&str>) -> bool {
        let Some(allowed) = &self.0 else { return true };
        let Some(host) = host.map(str::to_ascii_lowercase) else { return false };
        allowed.iter().any(|allowed| *allowed == host || allowed == without_port(&host))
    }
}

/// Not for an address of version 6 without a port, in whose brackets are other colons.
fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// The requested host: HTTP/2 has it in the address.
fn requested<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let of_uri = uri.authority().map(|authority| authority.as_str());
    of_uri.or_else(|| headers.get(HOST)?.to_str().ok())
}

/// Refuses requests for hosts that are not allowed.
pub(super) async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    if hosts.allow(requested(request.uri(), request.headers())) {
        return next.run(request).await;
    }
    let error = "the request is for another host";
    let allowed = "the hosts that Admin::hosts lists";
    Refusal::new(StatusCode::MISDIRECTED_REQUEST, error, allowed).into_response()
}

/// Refuses requests from pages of other sites: such a page could make the browser of a
/// user who may control breakers send them. Browsers say where a request comes from.
/// Other clients say nothing, and need no protection.
pub(super) fn check_site(request: &Parts) -> Result<(), Refusal> {
    let headers = &request.headers;
    let text = |name| Some(headers.get(name)?.to_str().unwrap_or("unreadable"));
    let own = match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin
            .split_once("://")
            .is_some_and(|(_, site)| Some(site) == requested(&request.uri, headers)),
        (None, None) => true,
    };
    if own {
        return Ok(());
    }
    let error = "the request comes from a page of another site";
    Err(Refusal::new(StatusCode::FORBIDDEN, error, "pages of this site, and what is no browser"))
}
