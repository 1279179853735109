//! The host that a request is for, as the name of a breaker.

use std::borrow::Cow;

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{Request, Uri};

/// The name of requests that name no host.
const NO_AUTHORITY: &str = "no authority";

/// The host that `request` is for, with its port unless that is the scheme's default: for
/// `BreakerLayer::keyed`. In lower case, and without a user and password. Of a request
/// without a host in its URI, the header `Host` counts, and `"no authority"` stands for
/// those that have neither.
///
/// A client of tonic leaves the host to its channel, unless it is made by `with_origin`.
///
/// ```
/// use microbreaker_std::by_authority;
/// let host = |uri: &str| by_authority(&http::Request::get(uri).body(()).unwrap()).into_owned();
/// assert_eq!(host("https://me:secret@Users.internal:443/42"), "users.internal");
/// assert_eq!(host("http://users.internal:8080/42"), "users.internal:8080");
/// ```
#[must_use]
pub fn by_authority<B>(request: &Request<B>) -> Cow<'_, str> {
    if let Some(authority) = request.uri().authority() {
        return name(authority, default_port(request.uri()));
    }
    let host = request.headers().get(HOST).and_then(|host| host.as_bytes().try_into().ok());
    match host {
        Some(authority) => name(&authority, None).into_owned().into(),
        None => NO_AUTHORITY.into(),
    }
}

fn default_port(uri: &Uri) -> Option<u16> {
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => Some(80),
        Some(scheme) if *scheme == Scheme::HTTPS => Some(443),
        _ => None,
    }
}

fn name(authority: &Authority, default_port: Option<u16>) -> Cow<'_, str> {
    let host = authority.host();
    let host: Cow<'_, str> = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        host.to_ascii_lowercase().into()
    } else {
        host.into()
    };
    match authority.port_u16() {
        Some(port) if Some(port) != default_port => {
            // Nothing but host and port, as they should be written.
            let text = authority.as_str();
            let is_plain = text.strip_prefix(&*host).is_some_and(|rest| {
                rest.strip_prefix(':').is_some_and(|port| !port.starts_with('0'))
            });
            if is_plain { text.into() } else { format!("{host}:{port}").into() }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str, host: Option<&str>) -> String {
        let mut request = Request::get(uri).body(()).unwrap();
        if let Some(host) = host {
            request.headers_mut().insert(HOST, host.parse().unwrap());
        }
        by_authority(&request).into_owned()
    }

    #[test]
    fn one_host_has_one_name() {
        for same in [
            "http://users.internal",
            "http://users.internal:80/a?b",
            "http://USERS.internal:080",
            "https://me:secret@users.internal:443/",
        ] {
            assert_eq!(of(same, None), "users.internal", "{same}");
        }
        for same in ["http://a:8080", "http://A:8080", "http://a:08080", "http://u:p@a:8080"] {
            assert_eq!(of(same, None), "a:8080", "{same}");
        }
        assert_eq!(of("https://[::1]:80/", None), "[::1]:80");
    }

    #[test]
    fn the_header_counts_if_the_uri_has_no_host() {
        assert_eq!(of("/42", Some("Users.internal:8080")), "users.internal:8080");
        assert_eq!(of("/42", Some("a@b")), "b");
        assert_eq!(of("http://a/42", Some("b")), "a");
        for none in [None, Some(""), Some("a b"), Some("a/b")] {
            assert_eq!(of("/42", none), NO_AUTHORITY, "{none:?}");
        }
    }

    #[test]
    fn a_plain_host_is_not_copied() {
        for plain in ["http://users.internal/", "http://users.internal:8080/"] {
            let request = Request::get(plain).body(()).unwrap();
            assert!(matches!(by_authority(&request), Cow::Borrowed(_)), "{plain}");
        }
    }
}
