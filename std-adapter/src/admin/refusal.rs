//! Answers to requests that are refused.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use microbreaker::{Command, IllegalTransition};
use serde::Serialize;

/// What was wrong, and what is allowed.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    #[serde(skip)]
    pub(super) status: StatusCode,
    error: String,
    allowed: String,
}

impl Refusal {
    fn new(status: StatusCode, error: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { status, error: error.into(), allowed: allowed.into() }
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

    pub(super) fn unauthorised(status: StatusCode) -> Self {
        Self::new(status, "the request may not do this", "what Admin::control lets it do")
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

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

/// Refuses requests from pages of other sites: such a page could make the browser of a
/// user who may control breakers send them. Browsers say where a request comes from.
/// Other clients say nothing, and need no protection.
pub(super) fn check_site(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &str| Some(headers.get(name)?.to_str().unwrap_or("unreadable"));
    let own = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            origin.split_once("://").is_some_and(|(_, site)| Some(site) == text("host"))
        }
        (None, None) => true,
    };
    if own {
        return Ok(());
    }
    let error = "the request comes from a page of another site";
    Err(Refusal::new(StatusCode::FORBIDDEN, error, "pages of this site, and what is no browser"))
}
