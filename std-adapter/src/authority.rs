//! The host that a request is for, as the name of a breaker.

use std::borrow::Cow;

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{Request, Uri};

/// The name of requests that name no host, or none that can be.
pub(crate) const NO_AUTHORITY: &str = "no authority";

/// The host that `request` is for, with its port unless that is the scheme's default: for
/// `BreakerLayer::keyed`. In lower case, and without a user and password. Of a request
/// without a host in its URI, the header `Host` counts. `"no authority"` stands for
/// those that have neither, or one that is not valid: without a host, or with a port above
/// 65,535.
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
        return name(authority, default_port(request.uri())).unwrap_or(NO_AUTHORITY.into());
    }
    let host: Option<Authority> =
        request.headers().get(HOST).and_then(|host| host.as_bytes().try_into().ok());
    let name = host.as_ref().and_then(|authority| name(authority, None));
    name.map_or(NO_AUTHORITY.into(), |name| name.into_owned().into())
}

fn default_port(uri: &Uri) -> Option<u16> {
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => Some(80),
        Some(scheme) if *scheme == Scheme::HTTPS => Some(443),
        _ => None,
    }
}

/// The name of `authority`, if that is valid: [`Authority`] takes an empty host, and any port.
fn name(authority: &Authority, default_port: Option<u16>) -> Option<Cow<'_, str>> {
    let host = authority.host();
    let port = port(authority, host)?;
    let host: Cow<'_, str> = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        host.to_ascii_lowercase().into()
    } else {
        host.into()
    };
    Some(match port {
        Some(port) if Some(port) != default_port => {
            // Nothing but host and port, as they should be written.
            let text = authority.as_str();
            let is_plain = text.strip_prefix(&*host).is_some_and(|rest| {
                rest.strip_prefix(':').is_some_and(|port| !port.starts_with('0'))
            });
            if is_plain { text.into() } else { format!("{host}:{port}").into() }
        }
        _ => host,
    })
}

/// The port of `authority`, if it names one, or `None` if the authority is not valid.
fn port(authority: &Authority, host: &str) -> Option<Option<u16>> {
    let (_, after_user) = authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
    match after_user.strip_prefix(host)? {
        _ if host.is_empty() => None,
        "" | ":" => Some(None),
        port => {
            let digits = port.strip_prefix(':')?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten().map(Some)
        }
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
        assert_eq!(of("ws://users.internal:443/", None), "users.internal:443");
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
    fn what_is_not_valid_names_no_host() {
        for wrong in ["a:99999", "a:65536", "u@a:65536", "[::1]:65536", ":80", "u@:80", "a:+80"] {
            assert_eq!(of("/42", Some(wrong)), NO_AUTHORITY, "{wrong}");
            let uri = format!("http://{wrong}/");
            assert_eq!(of(&uri, None), NO_AUTHORITY, "{uri}");
            assert_eq!(of(&uri, Some("b")), NO_AUTHORITY, "{uri}");
        }
        for whole in ["a", "a:", "a:80", "u:p@a:00080"] {
            assert_eq!(of(&format!("http://{whole}/"), None), "a", "{whole}");
        }
        assert_eq!(of("http://a:65535/", None), "a:65535");
    }

    #[test]
    fn a_plain_host_is_not_copied() {
        for plain in ["http://users.internal/", "http://users.internal:8080/"] {
            let request = Request::get(plain).body(()).unwrap();
            assert!(matches!(by_authority(&request), Cow::Borrowed(_)), "{plain}");
        }
    }
}
