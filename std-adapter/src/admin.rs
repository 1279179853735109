//! Breakers over HTTP: routes to read them, to control them where that is allowed, and
//! a page that shows them live.
//!
//! ```
//! use axum::{Router, routing::get};
//! use microbreaker_std::admin::{Admin, Denied, phase_header};
//! use microbreaker_std::{Breaker, Registry};
//! use std::time::Duration;
//!
//! let template = Breaker::builder("template")
//!     .consecutive_failures(5)
//!     .open_for(Duration::from_secs(30));
//! let registry = Registry::new(template)?;
//!
//! let admin = Admin::new(registry.clone()).hosts(["admin.internal"]);
//! let admin = admin.control(|request, _breaker, _command| {
//!     let key = request.headers.get("authorization");
//!     if key.is_some_and(|key| key == "Bearer of good news") {
//!         Ok(())
//!     } else {
//!         Err(Denied::unauthorized("Bearer"))
//!     }
//! });
//! let app: Router = Router::new()
//!     .route("/user", get(|| async { "Ada" }))
//!     .layer(phase_header(registry.get("users")))
//!     .nest("/admin", admin.router());
//! # Ok::<(), microbreaker_std::BuildError>(())
//! ```

mod dashboard;
mod denied;
mod fleet;
mod history;
mod host;
mod listing;
mod phase_header;
mod refusal;
#[cfg(feature = "metrics")]
mod scrape;
mod standing;
mod view;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::IntoResponse;
use axum::response::sse::{KeepAlive, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
pub use microbreaker::Command;
use serde::Deserialize;

use crate::breaker::Breaker;
use crate::registry::Registry;
use crate::settings::Mode;
use crate::settings::pattern::Pattern;

pub use denied::Denied;
use history::{History, WallClock};
use host::Hosts;
pub use phase_header::phase_header;
use refusal::Refusal;
#[cfg(feature = "metrics")]
pub use scrape::scrape;
use view::{Answer, Controlled, One, Ready, Remembered, Summary, messages};

/// Says whether a request may give this command to the breaker.
type Authorise = dyn Fn(&Parts, &Breaker, Command) -> Result<(), Denied> + Send + Sync;

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
/// | `GET /ready` | whether the service can do its work: 200, or 503 and the breakers because of which it cannot ([`Registry::health`]) |
/// | `GET /breakers` | breakers at a glance, by name or trouble first: see below |
/// | `GET /breakers/{name}` | one breaker, and its settings |
/// | `GET /groups` | groups of breakers, those with trouble first: see below |
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
/// starts with all remembered events. The event `missed` tells how many are gone. The numbers
/// are in the order in which events were told; `sequence` is the [`Event::sequence`](crate::Event::sequence) of the
/// breaker, in the order in which they happened.
///
/// The last 1,000 events since this was made are remembered, however many breakers there
/// are. That takes at most 256 KiB and their names. `forgotten` counts the earlier ones.
///
/// # Lists
///
/// | query of `GET /breakers` | |
/// |---|---|
/// | `matching=users/*` | those whose names match |
/// | `group=users` | those whose names begin with `users/`; `group=` those without a slash |
/// | `closed=false` | those that are not closed, or with `true` those that are |
/// | `standing=open` | those of that standing |
/// | `order=trouble` | by standing, then by name; without it, by name |
/// | `limit=50` | at most so many, 1 to 1,000, which is the default |
/// | `skip=100` | without the first 100 |
/// | `after=users/a` | those whose names come later; not with `order=trouble` |
///
/// The standing says how much a breaker needs attention, the most first: `open`,
/// `half_open`, `forced_open`, `strained`, `disabled`, `metrics_only`, `closed`. A breaker is
/// strained if it admits all calls, but has counted at least half of what a policy allows.
///
/// `in_all`, `not_closed` and `standings` count all in the group that match, `selected`
/// those of them that the other conditions leave. With names in order, `next` is there if
/// there are more: ask again with that as `after`. `unmatched` are the names and patterns of
/// settings that have applied to no breaker yet, perhaps misspelt.
///
/// Each breaker comes with its `counts` since it was built, which rates follow from, the
/// `limits` that its settings set, and its `latency`, if it keeps that
/// ([`measure_latency`](crate::Builder::measure_latency)). One that has joined a fleet comes
/// with what this instance has heard of the others: `fleet.failing` of `fleet.instances` see
/// the service failing, `fleet.leases` are leave for probes, of which `fleet.leases_here` are
/// this instance's, `fleet.age_ms` says how long ago that was heard, and `fleet.store` how
/// the exchanges with the store go.
///
/// Each answer looks at all breakers that match, so it takes the longer the more there are.
///
/// `GET /groups` lists the groups of breakers: how many are of each standing, and the sums of
/// their counts. `matching`, `limit` and `skip` select. A breaker's group is what is in front
/// of the first slash of its name.
///
/// # Commands to many
///
/// A command to all breakers that match is given to each for which it is allowed. The
/// answer has the `status` of each, and an `error` if it was refused. The status of the
/// answer is theirs, or 207 if they differ. Where it is allowed for each of them, and for a
/// breaker that is named like the pattern, it also holds for breakers that are built later
/// ([`Registry::set_mode`]), and `later` is true: `disable`, `force-open` and
/// `metrics-only`, until another such command or `reset`.
///
/// Every error is JSON: `error` says what was wrong, `allowed` what is allowed.
///
/// Every client that reaches the router can read it. If that is too much, add a layer
/// around it. A stream of events does not end by itself, so a graceful shutdown that
/// waits for all connections needs a time limit.
///
/// # Other sites
///
/// A browser sends what a page of another site asks it to, with its user's cookies. Such a
/// command is refused, before `authorise` is called: by `Sec-Fetch-Site` if the browser
/// sends it, or else if `Origin` is not the requested host. The rest is not refused, because
/// no page of another site can see the answer, unless a layer allows that (CORS). Clients
/// that send neither header are not browsers.
///
/// That does not help where another site *becomes* this one for the browser, by letting its
/// own name resolve to this server's address (DNS rebinding): then its pages can read, and
/// give commands that need no cookie. List the names of this server with
/// [`hosts`](Self::hosts). A proxy that replaces `Host` does it in vain; let the proxy check
/// the name then.
#[derive(Clone)]
pub struct Admin {
    registry: Registry,
    history: History,
    now: WallClock,
    authorise: Option<Arc<Authorise>>,
    hosts: Hosts,
}

impl Admin {
    /// Routes that read the breakers of `registry`. It listens to them from now on, so make
    /// one for each registry, and clone it.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self::with_wall_clock(registry, SystemTime::now)
    }

    /// [`new`](Self::new) with another clock for the time of day than the system's. It
    /// stamps the answers and the events as it is told of them, and decides nothing.
    #[must_use]
    pub fn with_wall_clock(
        registry: Registry,
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        let now: WallClock = Arc::new(now);
        let history = History::of(&registry, now.clone());
        Self { registry, history, now, authorise: None, hosts: Hosts::default() }
    }

    /// Lets requests control breakers if `authorise` allows them.
    ///
    /// It must not block. If it needs a look-up, let a layer do that and put the result into
    /// the extensions of the request. To find out whether a command to all that match may
    /// hold for later ones, it is asked with a breaker that has the pattern as its name.
    #[must_use]
    pub fn control(
        mut self,
        authorise: impl Fn(&Parts, &Breaker, Command) -> Result<(), Denied> + Send + Sync + 'static,
    ) -> Self {
        self.authorise = Some(Arc::new(authorise));
        self
    }

    /// Refuses requests for other hosts than these, names with or without a port, like
    /// `localhost` or `admin.internal:8080`. By default none is refused.
    #[must_use]
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts = Hosts::new(hosts.into_iter().map(Into::into));
        self
    }

    /// The routes, to nest under any path.
    pub fn router<S>(self) -> Router<S> {
        let hosts = self.hosts.clone();
        Router::new()
            .route("/dashboard", get(dashboard::page))
            .route("/ready", get(ready))
            .route("/breakers", get(listing::breakers))
            .route("/breakers/{name}", get(one))
            .route("/breakers/{name}/{command}", post(control))
            .route("/control/{command}", post(control_matching))
            .route("/groups", get(listing::groups))
            .route("/history", get(history))
            .route("/events", get(events))
            .fallback(async || Refusal::no_route())
            .method_not_allowed_fallback(async || Refusal::no_method())
            .layer(middleware::from_fn_with_state(hosts, host::check))
            .with_state(self)
    }

    fn find(&self, name: &str) -> Result<Breaker, Refusal> {
        self.registry.find(name).ok_or_else(|| Refusal::no_breaker(name))
    }

    /// The command of that name, and what authorises it for each breaker.
    fn command(&self, name: &str, request: &Parts) -> Result<(Command, &Authorise), Refusal> {
        let authorise = self.authorise.as_deref().ok_or_else(Refusal::read_only)?;
        host::check_site(request)?;
        let command = Command::named(name).ok_or_else(|| Refusal::no_command(name))?;
        Ok((command, authorise))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("control", &self.authorise.is_some()).finish_non_exhaustive()
    }
}

/// A probe asks often, and reads little.
const MOST_UNREADY: usize = 100;

async fn ready(State(admin): State<Admin>) -> (StatusCode, Json<Ready>) {
    let health = admin.registry.health();
    let ready = health.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (unready, count) = (health.unready().iter().take(MOST_UNREADY), health.unready().len());
    (status, Json(Ready { ready, unready: unready.map(Summary::of).collect(), count }))
}

/// The query of an address.
type Asked<T> = Result<Query<T>, QueryRejection>;

/// A part of an address.
type Named<T> = Result<Path<T>, PathRejection>;

#[derive(Deserialize)]
struct Selection {
    #[serde(default = "all")]
    matching: String,
}

/// The pattern that all names match.
fn all() -> String {
    "*".to_owned()
}

async fn one(State(admin): State<Admin>, name: Named<String>) -> Result<Json<One>, Refusal> {
    Ok(Json(One::of(&admin.find(&name?)?)))
}

async fn control(
    State(admin): State<Admin>,
    named: Named<(String, String)>,
    request: Parts,
) -> Result<Json<One>, Refusal> {
    let Path((name, command)) = named?;
    let (command, authorise) = admin.command(&command, &request)?;
    let breaker = admin.find(&name)?;
    authorise(&request, &breaker, command)?;
    breaker.command(command).map_err(Refusal::illegal)?;
    Ok(Json(One::of(&breaker)))
}

/// The pattern is required, so that no request opens all breakers by mistake.
#[derive(Deserialize)]
struct Required {
    matching: String,
}

async fn control_matching(
    State(admin): State<Admin>,
    command: Named<String>,
    asked: Asked<Required>,
    request: Parts,
) -> Result<(StatusCode, Json<Controlled>), Refusal> {
    let (command, authorise) = admin.command(&command?, &request)?;
    let Query(Required { matching }) = asked?;
    let pattern = Pattern::new(&matching)?;
    let breakers = admin.registry.that_match(&pattern);
    let denied: Vec<_> =
        breakers.iter().map(|breaker| authorise(&request, breaker, command).err()).collect();
    let may_later = || authorise(&request, &admin.registry.stand_in(&pattern), command).is_ok();
    let later = !breakers.is_empty()
        && denied.iter().all(Option::is_none)
        && later(command)
            .is_some_and(|mode| may_later() && admin.registry.set_mode(&matching, mode).is_ok());
    let control = |(breaker, denied): (&Breaker, Option<Denied>)| {
        let refusal = match denied {
            Some(denied) => Some(denied.into()),
            None => breaker.command(command).map_err(Refusal::illegal).err(),
        };
        Answer::new(breaker, refusal)
    };
    let breakers = breakers.iter().zip(denied).map(control).collect();
    let controlled = Controlled { later, breakers };
    let status = controlled.status().ok_or_else(|| Refusal::no_match(&matching))?;
    Ok((status, Json(controlled)))
}

/// The mode of breakers that are built after the command, or none to follow the settings,
/// if it is a command that concerns them.
const fn later(command: Command) -> Option<Option<Mode>> {
    match command {
        Command::Reset => Some(None),
        Command::ForceOpen => Some(Some(Mode::ForcedOpen)),
        Command::Disable => Some(Some(Mode::Disabled)),
        Command::MetricsOnly => Some(Some(Mode::MetricsOnly)),
        Command::Trip | Command::TripFor(_) | Command::HalfOpen => None,
    }
}

async fn history(
    State(admin): State<Admin>,
    asked: Asked<Selection>,
) -> Result<Json<Remembered>, Refusal> {
    let Query(Selection { matching }) = asked?;
    let matching = Pattern::new(&matching)?;
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
