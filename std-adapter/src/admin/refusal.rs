//! Answers to requests that are refused.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use microbreaker::{Command, IllegalTransition};
use serde::Serialize;

use super::denied::Denied;
use crate::settings::SettingError;

/// What was wrong, and what is allowed.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    #[serde(skip)]
    pub(super) status: StatusCode,
    #[serde(skip)]
    challenge: Option<HeaderValue>,
    error: String,
    allowed: String,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        error: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self { status, challenge: None, error: error.into(), allowed: allowed.into() }
    }

    pub(super) fn no_route() -> Self {
        let allowed = "the routes that the documentation of Admin lists";
        Self::new(StatusCode::NOT_FOUND, "there is nothing at this address", allowed)
    }

    pub(super) fn no_method() -> Self {
        let error = "the method is not allowed here";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, error, "GET to read, POST to control")
    }

    pub(super) fn no_breaker(name: &str) -> Self {
        let error = format!("no breaker is named {name:?}");
        Self::new(StatusCode::NOT_FOUND, error, "the names that GET /breakers lists")
    }

    pub(super) fn no_match(pattern: &str) -> Self {
        let error = format!("no breaker's name matches {pattern:?}");
        Self::new(StatusCode::NOT_FOUND, error, "patterns of names that GET /breakers lists")
    }

    pub(super) fn no_command(name: &str) -> Self {
        let error = format!("{name:?} is no command");
        let names: Vec<_> =
            Command::WITHOUT_ARGUMENT.iter().map(|command| command.name()).collect();
        Self::new(StatusCode::NOT_FOUND, error, names.join(", "))
    }

    pub(super) fn read_only() -> Self {
        let error = "control by hand is switched off";
        Self::new(StatusCode::FORBIDDEN, error, "GET only; Admin::control switches it on")
    }

    pub(super) fn illegal(error: IllegalTransition) -> Self {
        let allowed = "half-open while it is open, forced open or half-open";
        Self::new(StatusCode::CONFLICT, error.to_string(), allowed)
    }
}

impl From<QueryRejection> for Refusal {
    fn from(wrong: QueryRejection) -> Self {
        Self::new(wrong.status(), wrong.body_text(), "?matching=users/*; for events ?after=0; once")
    }
}

impl From<PathRejection> for Refusal {
    fn from(wrong: PathRejection) -> Self {
        Self::new(wrong.status(), wrong.body_text(), "names in UTF-8, percent-encoded")
    }
}

impl From<SettingError> for Refusal {
    fn from(wrong: SettingError) -> Self {
        let error = format!("{} is {}", wrong.setting, wrong.value);
        Self::new(StatusCode::BAD_REQUEST, error, wrong.allowed)
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let Denied { status, challenge, reason } = denied;
        Self { challenge, ..Self::new(status, reason, "what Admin::control lets it do") }
    }
}

impl IntoResponse for Refusal {
    fn into_response(mut self) -> Response {
        let challenge = self.challenge.take().map(|challenge| [(WWW_AUTHENTICATE, challenge)]);
        (self.status, challenge, Json(self)).into_response()
    }
}
