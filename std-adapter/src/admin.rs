//! Breakers over HTTP: to look at, to control by hand where that is allowed, and
//! a page that shows them live.
//!
//! ```
//! use axum::{Router, http::StatusCode, routing::get};
//! use microbreaker_std::admin::{Admin, phase_header};
//! use microbreaker_std::{Breaker, Registry};
//! use std::time::Duration;
//!
//! let template = Breaker::builder("template")
//!     .consecutive_failures(5)
//!     .open_for(Duration::from_secs(30));
//! let registry = Registry::new(template)?;
//!
//! let admin = Admin::new(registry.clone()).control(|request, _breaker, _command| {
//!     let key = request.headers.get("authorization");
//!     if key.is_some_and(|key| key == "Bearer of good news") {
//!         Ok(())
//!     } else {
//!         Err(StatusCode::UNAUTHORIZED)
//!     }
//! });
//! let app: Router = Router::new()
//!     .route("/user", get(|| async { "Ada" }))
//!     .layer(phase_header(registry.get("users")))
//!     .nest("/admin", admin.router());
//! # Ok::<(), microbreaker_std::BuildError>(())
//! ```

mod command;
mod phase_header;
mod refusal;
mod view;

use std::fmt;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::request::Parts;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tokio_stream::StreamExt;

use crate::{Breaker, Registry};

pub use command::Command;
pub use phase_header::phase_header;
use refusal::Refusal;
use view::{Listed, One, Summary, message};

/// The answer to a request that may not do this to the breaker.
type Authorise = dyn Fn(&Parts, &Breaker, Command) -> Option<Response> + Send + Sync;

/// The breakers of a registry over HTTP.
///
/// | route | |
/// |---|---|
/// | `GET /dashboard` | a page that shows all breakers live |
/// | `GET /breakers` | every breaker at a glance; `?matching=users/*` those of a pattern |
/// | `GET /breakers/{name}` | one of them, and its settings |
/// | `GET /events` | what happens from now on, as server-sent events |
/// | `POST /breakers/{name}/{command}` | a [`Command`], where that is allowed |
///
/// A slash in a name is `%2F` in an address. Times are milliseconds, moments
/// milliseconds since 1970 (UTC), rates percent.
/// The events are `transition`, `would_trip`, and `missed` for a reader that was
/// too slow: so many are gone.
///
/// Errors are JSON: `error` says what was wrong, `allowed` what is allowed.
///
/// Whoever reaches the router may look; put a layer round it if that is too many.
/// A stream of events does not end by itself: a graceful shutdown that waits for
/// all connections needs a time limit.
#[derive(Clone)]
pub struct Admin {
    registry: Registry,
    authorise: Option<Arc<Authorise>>,
}

impl Admin {
    /// The breakers of `registry`, to look at only.
    #[must_use]
    pub const fn new(registry: Registry) -> Self {
        Self { registry, authorise: None }
    }

    /// Lets those requests control breakers that `authorise` allows. What it
    /// returns for any other is the answer.
    ///
    /// It must not wait. What has to be looked up, a layer can look up, and put
    /// into the request's extensions. Requests that a browser sends for another
    /// site are refused before it is asked.
    #[must_use]
    pub fn control<E: IntoResponse>(
        mut self,
        authorise: impl Fn(&Parts, &Breaker, Command) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.authorise = Some(Arc::new(move |parts, breaker, command| {
            authorise(parts, breaker, command).err().map(IntoResponse::into_response)
        }));
        self
    }

    /// The routes, to be nested wherever you like.
    pub fn router<S>(self) -> Router<S> {
        Router::new()
            .route("/dashboard", get(dashboard))
            .route("/breakers", get(list))
            .route("/breakers/{name}", get(one))
            .route("/breakers/{name}/{command}", post(control))
            .route("/events", get(events))
            .with_state(self)
    }

    fn find(&self, name: &str) -> Result<Breaker, Refusal> {
        self.registry.find(name).ok_or_else(|| Refusal::no_breaker(name))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("control", &self.authorise.is_some()).finish_non_exhaustive()
    }
}

/// The page. Nothing of other sites may be in it, and it in none of theirs.
async fn dashboard() -> impl IntoResponse {
    const POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; \
                          script-src 'unsafe-inline'; frame-ancestors 'none'";
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(include_str!("admin/dashboard.html")))
}

#[derive(Deserialize)]
struct Selection {
    #[serde(default = "Selection::all")]
    matching: String,
}

impl Selection {
    fn all() -> String {
        "*".to_owned()
    }
}

async fn list(
    State(admin): State<Admin>,
    Query(Selection { matching }): Query<Selection>,
) -> Json<Listed> {
    let breakers = admin.registry.matching(&matching);
    let commands = if admin.authorise.is_some() { &Command::ALL[..] } else { &[] };
    Json(Listed { commands, breakers: breakers.iter().map(Summary::of).collect() })
}

async fn one(State(admin): State<Admin>, Path(name): Path<String>) -> Result<Json<One>, Refusal> {
    Ok(Json(One::of(&admin.find(&name)?)))
}

async fn control(
    State(admin): State<Admin>,
    Path((name, command)): Path<(String, String)>,
    request: Parts,
) -> Result<Json<One>, Response> {
    let apply = || {
        let authorise = admin.authorise.as_deref().ok_or_else(Refusal::read_only)?;
        refusal::check_site(&request.headers)?;
        let command = Command::named(&command).ok_or_else(|| Refusal::no_command(&command))?;
        Ok::<_, Refusal>((authorise, command, admin.find(&name)?))
    };
    let (authorise, command, breaker) = apply().map_err(IntoResponse::into_response)?;
    if let Some(answer) = authorise(&request, &breaker, command) {
        return Err(answer);
    }
    command.apply(&breaker).map_err(|error| Refusal::illegal(error).into_response())?;
    Ok(Json(One::of(&breaker)))
}

async fn events(State(admin): State<Admin>) -> impl IntoResponse {
    Sse::new(admin.registry.events().map(|event| message(&event))).keep_alive(KeepAlive::default())
}
