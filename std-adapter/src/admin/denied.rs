//! The answer to a request that may not control a breaker.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode};

/// Why a request may not control a breaker. The answer has an error status, and says so as
/// JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub(super) status: StatusCode,
    pub(super) challenge: Option<HeaderValue>,
    pub(super) reason: Cow<'static, str>,
}

impl Denied {
    /// Whoever sent the request has to prove who they are first: 401. `challenge` says how,
    /// like `Bearer` or `Basic realm="breakers"`.
    ///
    /// # Panics
    ///
    /// If `challenge` cannot be the value of a header.
    #[must_use]
    pub const fn unauthorized(challenge: &'static str) -> Self {
        let challenge = Some(HeaderValue::from_static(challenge));
        let reason = Cow::Borrowed("the request does not say who sent it");
        Self { status: StatusCode::UNAUTHORIZED, challenge, reason }
    }

    /// Whoever sent the request may not do this: 403.
    #[must_use]
    pub const fn forbidden() -> Self {
        let reason = Cow::Borrowed("the request may not do this");
        Self { status: StatusCode::FORBIDDEN, challenge: None, reason }
    }

    /// Sets what the answer says.
    #[must_use]
    pub fn because(self, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), ..self }
    }
}
