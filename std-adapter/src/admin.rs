//! Breakers over HTTP: routes to read them, to control them where that is allowed, and
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

mod history;
mod phase_header;
mod refusal;
mod view;

use std::fmt;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
pub use microbreaker::Command;
use serde::Deserialize;
use wildmatch::WildMatch;

use crate::breaker::Breaker;
use crate::registry::Registry;

use history::History;
pub use phase_header::phase_header;
use refusal::Refusal;
use view::{Answer, Controlled, Listed, One, Remembered, messages};

/// Returns the answer to a request that may not give this command to the breaker.
type Authorise = dyn Fn(&Parts, &Breaker, Command) -> Option<Response> + Send + Sync;

/// The breakers of a registry over HTTP.
///
/// ```
/// use axum::{body::Body, http::{Request, StatusCode}};
/// use microbreaker_std::{Breaker, Registry, admin::Admin};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let template = Breaker::builder("template").consecutive_failures(5);
/// let registry = Registry::new(template.open_for(std::time::Duration::from_secs(30)))?;
/// registry.get("users").trip();
/// let admin = axum::Router::new().nest("/admin", Admin::new(registry).router());
///
/// let request = Request::get("/admin/breakers/users").body(Body::empty())?;
/// assert_eq!(admin.clone().oneshot(request).await?.status(), StatusCode::OK);
/// // Nobody was allowed to control it.
/// let request = Request::post("/admin/breakers/users/reset").body(Body::empty())?;
/// assert_eq!(admin.oneshot(request).await?.status(), StatusCode::FORBIDDEN);
/// # Ok(())
/// # }
/// ```
/// | route | |
/// |---|---|
/// | `GET /dashboard` | a page that shows all breakers live |
/// | `GET /breakers` | every breaker at a glance, or those that match: `?matching=users/*` |
/// | `GET /breakers/{name}` | one breaker, and its settings |
/// | `GET /history` | the last 1,000 events of all breakers, or those of the breakers that match |
/// | `GET /events` | the events from now on, or from after a number, as server-sent events: `?after=7` |
/// | `POST /breakers/{name}/{command}` | gives a [`Command`], where that is allowed |
/// | `POST /control/{command}?matching=users/*` | gives it to all breakers that match |
///
/// A slash in a name is `%2F` in an address. Durations are milliseconds, times are
/// milliseconds since 1970 (UTC), rates are percent.
///
/// The events are `transition` and `would_trip`, and they are numbered. A reader that was
/// cut off continues from its last number, which browsers do by themselves. `?after=0`
/// starts with all remembered events. The event `missed` tells how many are gone.
///
/// The last 1,000 events since this was made are remembered, however many breakers there
/// are. That takes at most 256 KiB and their names. `forgotten` counts the earlier ones.
///
/// A command to all breakers that match is given to each for which it is allowed. The
/// answer has the `status` of each, and an `error` if it was refused. The status of the
/// answer is theirs, or 207 if they differ.
///
/// Errors are JSON: `error` says what was wrong, `allowed` what is allowed.
///
/// Every client that reaches the router can read it. If that is too much, add a layer
/// around it. A stream of events does not end by itself, so a graceful shutdown that
/// waits for all connections needs a time limit.
#[derive(Clone)]
pub struct Admin {
    registry: Registry,
    history: History,
    authorise: Option<Arc<Authorise>>,
}

impl Admin {
    /// Routes that read the breakers of `registry`. It listens to them from now on, so make
    /// one for each registry, and clone it.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self { history: History::of(&registry), registry, authorise: None }
    }

    /// Lets requests control breakers if `authorise` allows them. If it does not, the error
    /// that it returns is the answer.
    ///
    /// It must not block. If it needs a look-up, let a layer do that and put the result into
    /// the extensions of the request. Requests that a browser sends on behalf of another
    /// site are refused before `authorise` is called.
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

    /// The routes, to nest under any path.
    pub fn router<S>(self) -> Router<S> {
        Router::new()
            .route("/dashboard", get(dashboard))
            .route("/breakers", get(list))
            .route("/breakers/{name}", get(one))
            .route("/breakers/{name}/{command}", post(control))
            .route("/control/{command}", post(control_matching))
            .route("/history", get(history))
            .route("/events", get(events))
            .with_state(self)
    }

    fn find(&self, name: &str) -> Result<Breaker, Refusal> {
        self.registry.find(name).ok_or_else(|| Refusal::no_breaker(name))
    }

    /// The command of that name, and what authorises it for each breaker.
    fn command(&self, name: &str, headers: &HeaderMap) -> Result<(Command, &Authorise), Refusal> {
        let authorise = self.authorise.as_deref().ok_or_else(Refusal::read_only)?;
        refusal::check_site(headers)?;
        let command = Command::named(name).ok_or_else(|| Refusal::no_command(name))?;
        Ok((command, authorise))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("control", &self.authorise.is_some()).finish_non_exhaustive()
    }
}

/// The page. It may not embed other sites, nor be embedded in them.
async fn dashboard() -> impl IntoResponse {
    const POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; \
                          script-src 'unsafe-inline'; frame-ancestors 'none'";
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(include_str!("admin/dashboard.html")))
}

/// The query of an address.
type Asked<T> = Result<Query<T>, QueryRejection>;

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
    asked: Asked<Selection>,
) -> Result<Json<Listed>, Refusal> {
    let Query(Selection { matching }) = asked?;
    let commands = if admin.authorise.is_some() { Command::WITHOUT_ARGUMENT } else { &[] };
    let breakers = admin.registry.matching(&matching);
    Ok(Json(Listed::new(admin.history.since(), commands, &breakers)))
}

async fn one(State(admin): State<Admin>, Path(name): Path<String>) -> Result<Json<One>, Refusal> {
    Ok(Json(One::of(&admin.find(&name)?)))
}

async fn control(
    State(admin): State<Admin>,
    Path((name, command)): Path<(String, String)>,
    request: Parts,
) -> Result<Json<One>, Response> {
    let find = || {
        let (command, authorise) = admin.command(&command, &request.headers)?;
        Ok::<_, Refusal>((command, authorise, admin.find(&name)?))
    };
    let (command, authorise, breaker) = find().map_err(IntoResponse::into_response)?;
    if let Some(answer) = authorise(&request, &breaker, command) {
        return Err(answer);
    }
    breaker.command(command).map_err(|error| Refusal::illegal(error).into_response())?;
    Ok(Json(One::of(&breaker)))
}

/// The pattern is required, so that no request opens all breakers by mistake.
#[derive(Deserialize)]
struct Pattern {
    matching: String,
}

async fn control_matching(
    State(admin): State<Admin>,
    Path(command): Path<String>,
    asked: Asked<Pattern>,
    request: Parts,
) -> Result<(StatusCode, Json<Controlled>), Refusal> {
    let (command, authorise) = admin.command(&command, &request.headers)?;
    let Query(Pattern { matching }) = asked?;
    let control = |breaker: &Breaker| match authorise(&request, breaker, command) {
        Some(answer) => Err(Refusal::unauthorised(answer.status())),
        None => breaker.command(command).map_err(Refusal::illegal),
    };
    let breakers = admin.registry.matching(&matching);
    let each = breakers.iter().map(|breaker| Answer::new(breaker, control(breaker).err()));
    let controlled = Controlled { breakers: each.collect() };
    let status = controlled.status().ok_or_else(|| Refusal::no_match(&matching))?;
    Ok((status, Json(controlled)))
}

async fn history(
    State(admin): State<Admin>,
    asked: Asked<Selection>,
) -> Result<Json<Remembered>, Refusal> {
    let Query(Selection { matching }) = asked?;
    let matching = WildMatch::new(&matching);
    Ok(Json(Remembered::new(&admin.history.all(), |name| matching.matches(name))))
}

#[derive(Deserialize)]
struct Position {
    after: Option<u64>,
}

async fn events(
    State(admin): State<Admin>,
    headers: HeaderMap,
    asked: Asked<Position>,
) -> Result<impl IntoResponse, Refusal> {
    let Query(Position { after }) = asked?;
    // A browser that reconnects sends the last number it has received.
    let heard = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let told = admin.history.follow(heard.or(after));
    let messages = told.flat_map(|told| stream::iter(messages(told)));
    Ok(Sse::new(messages).keep_alive(KeepAlive::default()))
}
