//! The admin routes, without a socket.

mod listing;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{Request, Response, StatusCode};
use axum::routing::get;
use futures_util::{FutureExt, StreamExt};
use microbreaker_std::admin::{Admin, Command, Denied, phase_header, scrape};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Phase, Registry, Settings};
use serde_json::{Value, json};
use tower::ServiceExt;

const SECOND: Duration = Duration::from_secs(1);

/// Breakers `users` and `users/a`. Each trips once half of at least four calls have failed.
fn registry(clock: &PausedClock) -> Registry {
    let template = Breaker::builder("template").failure_rate(50).min_calls(4).last_calls(10);
    let registry = Registry::new(template.open_for(30 * SECOND).clock(clock.clone())).unwrap();
    for name in ["users", "users/a"] {
        let _ = registry.get(name);
    }
    registry
}

/// A router where everyone may do everything.
fn open_to_all(registry: &Registry) -> Router {
    Admin::new(registry.clone()).control(|_, _, _| Ok(())).router()
}

fn request(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

async fn answer(router: &Router, request: Request<Body>) -> (u16, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {body:?}")))
}

/// The names of the breakers in `list`.
fn names(list: &Value) -> Vec<&str> {
    list["breakers"].as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_command_to_a_pattern_holds_for_breakers_that_are_built_later() {
    let registry = registry(&PausedClock::new());
    let router = open_to_all(&registry);
    let control = async |command: &str, matching: &str| {
        let path = format!("/control/{command}?matching={matching}");
        let (status, answer) = answer(&router, request("POST", &path)).await;
        assert_eq!(status, 200, "{answer}");
        answer["later"].as_bool().unwrap()
    };
    assert!(control("disable", "*").await);
    assert_eq!(registry.get("new").phase(), Phase::Disabled);
    assert!(control("force-open", "users/*").await);
    assert_eq!(registry.get("users/new").phase(), Phase::ForcedOpen);
    assert!(control("reset", "*").await);
    assert_eq!(registry.get("users/newer").phase(), Phase::Closed);
    assert_eq!(registry.get("new").phase(), Phase::Closed);
    assert!(!control("trip", "*").await);
    assert_eq!(registry.get("newest").phase(), Phase::Closed);
}

/// Or who may control some breakers could control later ones as well.
#[tokio::test]
async fn a_command_holds_for_later_breakers_only_where_that_is_allowed() {
    let registry = registry(&PausedClock::new());
    registry.remove("users").unwrap();
    let admin = Admin::new(registry.clone()).control(|_, breaker, _| {
        if breaker.name().starts_with("users/") { Ok(()) } else { Err(Denied::forbidden()) }
    });
    let router = admin.router();
    let (status, done) = answer(&router, request("POST", "/control/disable?matching=*")).await;
    assert_eq!((status, &done["later"]), (200, &json!(false)), "all that there are");
    assert_eq!(registry.get("users/a").phase(), Phase::Disabled);
    assert_eq!(registry.get("payments").phase(), Phase::Closed);
    let (_, done) = answer(&router, request("POST", "/control/disable?matching=users/*")).await;
    assert_eq!(done["later"], true);
    assert_eq!(registry.get("users/b").phase(), Phase::Disabled);

    // A rule that makes an exception allows the pattern itself.
    let all_but_payments = Admin::new(registry.clone()).control(|_, breaker, _| {
        if &**breaker.name() == "payments" { Err(Denied::forbidden()) } else { Ok(()) }
    });
    let force_open = request("POST", "/control/force-open?matching=*");
    let (status, done) = answer(&all_but_payments.router(), force_open).await;
    assert_eq!((status, &done["later"]), (207, &json!(false)));
    assert_eq!(registry.get("payments").phase(), Phase::Closed);
    assert_eq!(registry.get("users/c").phase(), Phase::Disabled, "as before");
}

#[tokio::test]
async fn every_error_is_json() {
    let registry = registry(&PausedClock::new());
    let admin = || Admin::new(registry.clone()).control(|_, _, _| Err(Denied::forbidden()));
    let nested = Router::new().nest("/admin", admin().hosts(["admin"]).router());
    let long = format!("/admin/breakers?matching={}", "a".repeat(300));
    for (method, path, status) in [
        ("GET", "/admin/nothing", 404),
        ("GET", "/admin/breakers/%ff", 400),
        ("POST", "/admin/breakers/%ff/reset", 400),
        ("POST", "/admin/breakers", 405),
        ("GET", "/admin/breakers/users/reset", 405),
        ("GET", "/admin/breakers?limit=x", 400),
        ("GET", "/admin/breakers?closed=perhaps", 400),
        ("GET", &*long, 400),
        ("POST", "/admin/breakers/users/reset", 403),
    ] {
        let mut request = request(method, path);
        request.headers_mut().insert("host", "admin".parse().unwrap());
        let (got, why) = answer(&nested, request).await;
        assert_eq!(got, status, "{method} {path}");
        assert!(why["error"].is_string() && why["allowed"].is_string(), "{path}: {why}");
    }
    let (status, why) = answer(&nested, request("GET", "/admin/breakers")).await;
    assert_eq!((status, &why["error"]), (421, &json!("the request is for another host")));
}

/// A page whose own name resolves to this server is of the same origin, for the browser.
#[tokio::test]
async fn only_requests_for_listed_hosts_are_answered() {
    let registry = registry(&PausedClock::new());
    let admin = Admin::new(registry).hosts(["localhost", "admin.internal:8080", "[::1]"]);
    let router = admin.router();
    let status = async |host: Option<&str>, uri: &str| {
        let mut request = request("GET", uri);
        if let Some(host) = host {
            request.headers_mut().insert("host", host.parse().unwrap());
        }
        router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    for (host, expected) in [
        (Some("localhost"), 200),
        (Some("LocalHost:1234"), 200),
        (Some("admin.internal:8080"), 200),
        (Some("admin.internal"), 421),
        (Some("admin.internal:80"), 421),
        (Some("[::1]"), 200),
        (Some("[::1]:80"), 200),
        (Some("evil.example"), 421),
        (Some("localhost.evil.example"), 421),
        (None, 421),
    ] {
        for path in ["/breakers", "/dashboard", "/history"] {
            assert_eq!(status(host, path).await, expected, "{host:?}");
        }
    }
    assert_eq!(status(None, "http://localhost/breakers").await, 200, "as HTTP/2 has it");
    assert_eq!(status(Some("localhost"), "http://evil.example/breakers").await, 421);
}

#[tokio::test]
async fn one_breaker_is_shown_with_its_settings() {
    let router = Admin::new(registry(&PausedClock::new())).router();
    let (status, one) = answer(&router, request("GET", "/breakers/users%2Fa")).await;
    assert_eq!((status, &one["name"], &one["phase"]), (200, &json!("users/a"), &json!("closed")));
    assert_eq!(one["settings"]["open_for"], "30s");
    assert_eq!(one["settings"]["failure_rate"], 50);
}

#[tokio::test]
async fn every_command_does_what_it_says() {
    let registry = registry(&PausedClock::new());
    let router = open_to_all(&registry);
    let (_, list) = answer(&router, request("GET", "/breakers")).await;
    assert_eq!(list["commands"].as_array().unwrap().len(), Command::WITHOUT_ARGUMENT.len());
    for (command, phase) in [
        ("trip", Phase::Open),
        ("half-open", Phase::HalfOpen),
        ("reset", Phase::Closed),
        ("force-open", Phase::ForcedOpen),
        ("disable", Phase::Disabled),
        ("metrics-only", Phase::MetricsOnly),
    ] {
        let path = format!("/breakers/users%2Fa/{command}");
        let (status, one) = answer(&router, request("POST", &path)).await;
        assert_eq!((status, &one["phase"]), (200, &json!(phase.name())), "{command}");
        assert_eq!(registry.get("users/a").phase(), phase);
        assert!(list["commands"].as_array().unwrap().contains(&json!(command)));
    }
    assert_eq!(registry.get("users").phase(), Phase::Closed, "the other is left alone");
}

#[tokio::test]
async fn errors_say_what_is_allowed() {
    let router = open_to_all(&registry(&PausedClock::new()));
    for (method, path, status, error, allowed) in [
        ("GET", "/breakers/user", 404, "no breaker is named \"user\"", "GET /breakers"),
        ("POST", "/breakers/user/trip", 404, "no breaker is named \"user\"", "GET /breakers"),
        ("POST", "/breakers/users/open", 404, "\"open\" is no command", "trip, half-open, reset"),
        ("GET", "/breakers?matching=a&matching=b", 400, "duplicate field", "once"),
        ("GET", "/events?after=then", 400, "after: invalid digit", "?after=0"),
        (
            "POST",
            "/control/open?matching=*",
            404,
            "\"open\" is no command",
            "trip, half-open, reset",
        ),
        ("POST", "/control/trip", 400, "missing field `matching`", "?matching="),
        ("POST", "/control/trip?matching=user", 404, "no breaker's name matches \"user\"", "GET"),
        (
            "POST",
            "/breakers/users/half-open",
            409,
            "cannot be switched from closed to half_open",
            "while",
        ),
    ] {
        let (got, why) = answer(&router, request(method, path)).await;
        assert_eq!(got, status, "{path}");
        assert!(why["error"].as_str().unwrap().contains(error), "{path}: {why}");
        assert!(why["allowed"].as_str().unwrap().contains(allowed), "{path}: {why}");
    }
    let (_, list) = answer(&router, request("GET", "/breakers")).await;
    assert_eq!(names(&list), ["users", "users/a"], "a request creates no breaker");
}

#[tokio::test]
async fn commands_are_forbidden_unless_control_is_enabled() {
    let registry = registry(&PausedClock::new());
    let router = Admin::new(registry.clone()).router();
    let (status, why) = answer(&router, request("POST", "/breakers/users/force-open")).await;
    assert_eq!(status, 403, "{why}");
    assert_eq!(registry.get("users").phase(), Phase::Closed);
    let got = router.oneshot(request("GET", "/breakers/users/reset")).await.unwrap();
    assert_eq!(got.status(), StatusCode::METHOD_NOT_ALLOWED, "a link is no command");
}

#[tokio::test]
async fn the_application_decides_who_may_give_commands() {
    let registry = registry(&PausedClock::new());
    let admin = Admin::new(registry.clone()).control(|request, breaker, command| {
        let by = request.headers.get("by").map(|by| by.as_bytes());
        match (by, &**breaker.name(), command) {
            (Some(b"ada"), _, _) | (Some(b"bob"), "users", Command::Reset) => Ok(()),
            (Some(_), ..) => Err(Denied::forbidden().because("ask ada")),
            (None, ..) => Err(Denied::unauthorized("By").because("who are you?")),
        }
    });
    let router = admin.router();
    let by = |name, path| {
        let mut request = request("POST", path);
        request.headers_mut().insert("by", name);
        answer(&router, request)
    };
    let ada = || "ada".parse().unwrap();
    let bob = || "bob".parse().unwrap();
    let anonymous = || request("POST", "/breakers/users/trip");
    let challenge = router.clone().oneshot(anonymous()).await.unwrap();
    assert_eq!(challenge.headers()["www-authenticate"], "By");
    let (status, why) = answer(&router, anonymous()).await;
    assert_eq!((status, &why["error"]), (401, &json!("who are you?")));
    let (status, why) = by(bob(), "/breakers/users/trip").await;
    assert_eq!((status, &why["error"]), (403, &json!("ask ada")));
    assert_eq!(by(bob(), "/breakers/users%2Fa/reset").await.0, 403);
    assert_eq!(registry.get("users").phase(), Phase::Closed);
    assert_eq!(by(ada(), "/breakers/users/trip").await.0, 200);
    assert_eq!(registry.get("users").phase(), Phase::Open);
    assert_eq!(by(bob(), "/breakers/users/reset").await.0, 200);
}

/// Otherwise the browser of a user who may give commands would send that page's request with
/// the user's cookies.
#[tokio::test]
async fn a_page_of_another_site_can_give_no_commands() {
    let registry = registry(&PausedClock::new());
    let router = open_to_all(&registry);
    for (headers, allowed) in [
        (&[("sec-fetch-site", "cross-site")][..], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://a"), ("host", "proxied")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("origin", "http://evil"), ("host", "admin:80")], false),
        (&[("origin", "null"), ("host", "admin:80")], false),
        (&[("origin", "http://admin:80"), ("host", "admin:80")], true),
        (&[("origin", "http://evil")], false),
        (&[("origin", "null")], false),
        (&[], true),
    ] {
        registry.get("users").reset();
        let mut request = request("POST", "/breakers/users/trip");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (status, why) = answer(&router, request).await;
        let (expected, phase) = if allowed { (200, Phase::Open) } else { (403, Phase::Closed) };
        assert_eq!(
            (status, registry.get("users").phase()),
            (expected, phase),
            "{headers:?}: {why}"
        );
    }
}

#[tokio::test]
async fn a_command_to_a_pattern_reports_each_result() {
    let registry = registry(&PausedClock::new());
    let router = open_to_all(&registry);
    let (status, results) =
        answer(&router, request("POST", "/control/trip?matching=users/*")).await;
    let tripped = json!({ "name": "users/a", "phase": "open", "status": 200 });
    assert_eq!((status, results), (200, json!({ "later": false, "breakers": [tripped] })));
    assert_eq!(registry.get("users").phase(), Phase::Closed, "it does not match");

    let half_open = request("POST", "/control/half-open?matching=*");
    let (status, results) = answer(&router, half_open).await;
    let [refused, done] = [0, 1].map(|i| &results["breakers"][i]);
    assert_eq!(status, 207, "one cannot, one can: {results}");
    assert_eq!((&refused["status"], &refused["phase"]), (&json!(409), &json!("closed")));
    assert!(
        refused["error"].as_str().unwrap().contains("cannot be switched from closed to half_open")
    );
    assert!(refused["allowed"].as_str().unwrap().contains("half-open while"));
    assert_eq!((&done["status"], &done["phase"]), (&json!(200), &json!("half_open")));
    assert_eq!(registry.get("users/a").phase(), Phase::HalfOpen);
}

#[tokio::test]
async fn a_command_to_all_needs_permission_for_each() {
    let registry = registry(&PausedClock::new());
    let admin = Admin::new(registry.clone()).control(|_, breaker, command| {
        let allowed = &**breaker.name() == "users" && command == Command::ForceOpen;
        if allowed { Ok(()) } else { Err(Denied::unauthorized("By")) }
    });
    let router = admin.router();
    let force_open = request("POST", "/control/force-open?matching=*");
    let (status, results) = answer(&router, force_open).await;
    assert_eq!(status, 207);
    let each = |key| [0, 1].map(|i| &results["breakers"][i][key]);
    assert_eq!(each("name"), ["users", "users/a"]);
    assert_eq!(each("status"), [200, 401]);
    assert_eq!(each("error"), [&Value::Null, &json!("the request does not say who sent it")]);
    assert_eq!(
        ["users", "users/a"].map(|name| registry.get(name).phase()),
        [Phase::ForcedOpen, Phase::Closed]
    );
    let (status, _) = answer(&router, request("POST", "/control/reset?matching=*")).await;
    assert_eq!(status, 401, "for all of them");
    assert_eq!(registry.get("users").phase(), Phase::ForcedOpen);
}

#[tokio::test]
async fn a_command_to_all_has_the_same_protections() {
    let registry = registry(&PausedClock::new());
    let of_another_site = || {
        let mut request = request("POST", "/control/trip?matching=*");
        request.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
        request
    };
    let router = Admin::new(registry.clone()).router();
    assert_eq!(answer(&router, request("POST", "/control/trip?matching=*")).await.0, 403);
    assert_eq!(answer(&open_to_all(&registry), of_another_site()).await.0, 403);
    let link = open_to_all(&registry).oneshot(request("GET", "/control/trip?matching=*")).await;
    assert_eq!(link.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(registry.get("users").phase(), Phase::Closed);
}

/// A breaker's name can be any text.
#[tokio::test]
async fn a_breaker_may_be_named_like_a_route() {
    let registry = registry(&PausedClock::new());
    let router = open_to_all(&registry);
    for name in ["trip", "control", "breakers", "history"] {
        registry.get(name).disable();
        let path = format!("/breakers/{name}");
        assert_eq!(answer(&router, request("GET", &path)).await.1["name"], name);
        let reset = answer(&router, request("POST", &format!("{path}/reset"))).await;
        assert_eq!(reset.1["phase"], "closed");
    }
}

/// The next server-sent event, if there is one already: its name and its data.
fn next(events: &mut BodyDataStream) -> Option<(String, Value)> {
    let text = events.next().now_or_never()?.unwrap().unwrap();
    let text = str::from_utf8(&text).unwrap();
    let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
    let data: Value = serde_json::from_str(field("data: ").unwrap()).unwrap();
    let number = data.get("number").map(Value::to_string);
    assert_eq!(field("id: "), number.as_deref(), "a browser resumes after it");
    Some((field("event: ").unwrap().to_owned(), data))
}

/// The numbers of all events so far.
fn numbers(mut events: BodyDataStream) -> Vec<u64> {
    let next = || next(&mut events).map(|(_, event)| event["number"].as_u64().unwrap());
    std::iter::from_fn(next).collect()
}

async fn stream(router: &Router, request: Request<Body>) -> BodyDataStream {
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

async fn events(router: Router) -> BodyDataStream {
    stream(&router, request("GET", "/events")).await
}

#[tokio::test]
async fn events_are_sent_as_they_happen() {
    let registry = registry(&PausedClock::new());
    let users = registry.get("users");
    users.metrics_only();
    let mut events = events(Admin::new(registry).router()).await;
    assert_eq!(next(&mut events), None, "nothing has happened since");
    for _ in 0..4 {
        let _ = users.call(|| Err::<(), _>(()));
    }
    let (name, event) = next(&mut events).unwrap();
    assert_eq!((&*name, &event["cause"]), ("would_trip", &json!("failure_rate")));
    assert_eq!(event["breaker"]["tally"]["failed"], 4);
    users.trip();
    let (name, event) = next(&mut events).unwrap();
    assert_eq!(name, "transition");
    assert_eq!((&event["from"], &event["to"]), (&json!("metrics_only"), &json!("open")));
    assert_eq!((&event["cause"], &event["breaker"]["name"]), (&json!("manual"), &json!("users")));
    assert_eq!(next(&mut events), None);
}

/// A clock that shows a second more each time, from 1970 on.
fn ticking() -> impl Fn() -> SystemTime + Send + Sync + 'static {
    let seconds = AtomicU64::new(0);
    move || UNIX_EPOCH + Duration::from_secs(seconds.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
async fn an_event_says_when_it_happened() {
    let registry = registry(&PausedClock::new());
    let admin = Admin::with_wall_clock(registry.clone(), ticking());
    let mut events = events(admin.router()).await;
    registry.get("users").trip();
    registry.get("users").reset();
    for turn in 1..=2 {
        let (_, event) = next(&mut events).unwrap();
        assert_eq!(event["at_unix_ms"], json!(turn * 1_000));
        assert_eq!(event["sequence"], json!(turn));
    }
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_how_many_it_missed() {
    let registry = registry(&PausedClock::new());
    let mut events = events(Admin::new(registry.clone()).router()).await;
    for _ in 0..600 {
        registry.get("users").trip();
        registry.get("users").reset();
    }
    let missed = ("missed".to_owned(), json!({ "events": 1_200 - 1_000 }));
    assert_eq!(next(&mut events), Some(missed));
    assert_eq!(numbers(events).len(), 1_000);
}

#[tokio::test]
async fn past_events_can_be_requested() {
    let registry = registry(&PausedClock::new());
    registry.get("users").trip();
    let router = Admin::new(registry.clone()).router();
    registry.get("users").reset();
    registry.get("users/a").metrics_only();
    for _ in 0..4 {
        let _ = registry.get("users/a").call(|| Err::<(), _>(()));
    }
    let (status, past) = answer(&router, request("GET", "/history")).await;
    let happened = |i: usize| ["event", "from", "to", "cause"].map(|key| &past["events"][i][key]);
    assert_eq!((status, &past["forgotten"]), (200, &json!(0)));
    assert_eq!(past["events"].as_array().unwrap().len(), 3, "since the admin was created: {past}");
    assert_eq!(happened(0), ["transition", "open", "closed", "manual"]);
    assert_eq!(past["events"][0]["breaker"]["name"], "users");
    assert_eq!(happened(1), ["transition", "closed", "metrics_only", "manual"]);
    assert_eq!(happened(2)[0], "would_trip");
    assert_eq!(happened(2)[3], "failure_rate");

    let (_, some) = answer(&router, request("GET", "/history?matching=users/*")).await;
    assert_eq!(some["events"].as_array().unwrap()[..], past["events"].as_array().unwrap()[1..]);
}

#[tokio::test]
async fn a_scrape_gets_what_is_rendered() {
    let registry = registry(&PausedClock::new());
    let router = Router::new().route("/metrics", scrape(registry, || "up 1\n".to_owned()));
    let response = router.oneshot(request("GET", "/metrics")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap(), "up 1\n");
}

/// Names may come from requests, so anyone could fill the memory.
#[tokio::test]
async fn history_is_bounded_and_reports_what_it_dropped() {
    let registry = registry(&PausedClock::new());
    let router = Admin::with_wall_clock(registry.clone(), ticking()).router();
    for name in 0..3_000 {
        registry.get(&name.to_string()).trip();
    }
    let (_, list) = answer(&router, request("GET", "/breakers?matching=users")).await;
    assert_eq!(list["remembered_since_unix_ms"], json!(2_000 * 1_000), "the last forgotten");
    assert_eq!(list["at_unix_ms"], json!(3_001 * 1_000));
    let (_, past) = answer(&router, request("GET", "/history")).await;
    assert_eq!(past["forgotten"], 2_000);
    assert_eq!(past["events"].as_array().unwrap().len(), 1_000);
    assert_eq!(past["events"][0]["breaker"]["name"], "2000");
    let mut events = stream(&router, request("GET", "/events?after=0")).await;
    assert_eq!(next(&mut events), Some(("missed".to_owned(), json!({ "events": 2_000 }))));
    assert_eq!(json!(numbers(events)[0]), past["events"][0]["number"]);
}

#[tokio::test]
async fn a_reader_starts_anywhere_and_continues() {
    let registry = registry(&PausedClock::new());
    let users = registry.get("users");
    let router = Admin::new(registry).router();
    users.trip();
    users.reset();
    let all = stream(&router, request("GET", "/events?after=0")).await;
    users.disable();
    let all = numbers(all);
    assert_eq!(all, [all[0], all[0] + 1, all[0] + 2], "past events, then new ones");

    let after = async |query: &str, last_id: Option<&str>| {
        let mut request = request("GET", &format!("/events{query}"));
        if let Some(last_id) = last_id {
            request.headers_mut().insert("last-event-id", last_id.parse().unwrap());
        }
        numbers(stream(&router, request).await)
    };
    const NOTHING: [u64; 0] = [];
    let number = |n: u64| n.to_string();
    assert_eq!(after(&format!("?after={}", all[0]), None).await, all[1..]);
    assert_eq!(after(&format!("?after={}", all[2]), None).await, NOTHING);
    assert_eq!(after("", None).await, NOTHING);
    assert_eq!(after("?after=0", Some(&number(all[1]))).await, all[2..], "a browser reconnects");
    assert_eq!(
        after("", Some(&number(all[0] - 7))).await,
        all,
        "it had read from a previous process"
    );
    for ahead in [all[2] + 1, u64::MAX] {
        assert_eq!(after("", Some(&number(ahead))).await, all, "and that one's clock was ahead");
    }
    assert_eq!(after("", Some("nonsense")).await, NOTHING);
}

#[tokio::test]
async fn a_reader_that_joins_midway_gets_every_event_once() {
    let registry = registry(&PausedClock::new());
    let router = Admin::new(registry.clone()).router();
    let users = registry.get("users");
    let changes = std::thread::spawn(move || {
        for _ in 0..250 {
            users.trip();
            users.reset();
        }
    });
    let mut events = stream(&router, request("GET", "/events?after=0")).await;
    let mut seen = Vec::new();
    while seen.len() < 500 {
        match next(&mut events) {
            Some((_, event)) => seen.push(event["number"].as_u64().unwrap()),
            None => std::thread::yield_now(),
        }
    }
    changes.join().unwrap();
    assert!(seen.is_sorted_by(|a, b| a + 1 == *b), "{seen:?}");
    assert_eq!(next(&mut events), None);
}

async fn phases(router: &Router) -> Vec<String> {
    let response: Response<_> = router.clone().oneshot(request("GET", "/")).await.unwrap();
    let headers = response.headers().get_all("circuit-breaker").into_iter();
    headers.map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_header_gives_the_phase_after_the_answer() {
    let clock = PausedClock::new();
    let registry = registry(&clock);
    let users = registry.get("users");
    let of_handler = users.clone();
    let handler = move || async move { of_handler.trip() };
    let odd = Breaker::builder("a \"b\"\nü").consecutive_failures(1).open_for(SECOND);
    let router = Router::new()
        .route("/", get(handler))
        .layer(phase_header(users))
        .layer(phase_header(odd.build().unwrap()));
    let odd = r#""a \"b\"%0a%c3%bc";phase=closed"#;
    assert_eq!(phases(&router).await, [r#""users";phase=open;retry-after=30"#, odd]);
}

#[tokio::test]
async fn the_header_is_a_structured_field_whatever_the_name() {
    let names = (0..=0x2ff).filter_map(char::from_u32).map(|odd| format!("it's {odd} 100% \\"));
    for name in names.chain([String::new(), "ä".repeat(200)]) {
        let breaker = Breaker::builder(&*name).consecutive_failures(1).open_for(SECOND);
        let breaker = breaker.build().unwrap();
        breaker.trip();
        let layer = phase_header(breaker);
        let router = Router::new().route("/", get(async || ())).layer(layer);
        let [header] = &phases(&router).await[..] else { panic!("one header") };
        let list = sfv::Parser::new(header).parse::<sfv::List>().expect(header);
        let [sfv::ListEntry::Item(item)] = &list[..] else { panic!("{list:?}") };
        let parameters = ["phase", "retry-after"].map(|key| item.params.get(key));
        let [Some(sfv::BareItem::Token(phase)), Some(sfv::BareItem::Integer(wait))] = parameters
        else {
            panic!("{parameters:?}")
        };
        assert_eq!((phase.as_str(), i64::from(*wait)), ("open", 1));
        let text = item.bare_item.as_string().unwrap().as_str().to_owned();
        assert_eq!(decoded(&text), name.as_bytes());
    }
}

/// Without percent-encoding.
fn decoded(text: &str) -> Vec<u8> {
    let (first, rest) = text.split_once('%').map_or((text, None), |(a, b)| (a, Some(b)));
    let mut bytes = first.as_bytes().to_vec();
    if let Some(rest) = rest {
        bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
        bytes.extend(decoded(&rest[2..]));
    }
    bytes
}

#[tokio::test]
async fn the_page_loads_nothing_from_other_sites() {
    let router = Admin::new(registry(&PausedClock::new())).router();
    let response = router.oneshot(request("GET", "/dashboard")).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; connect-src 'self'"), "{policy}");
    let page = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let page = str::from_utf8(&page).unwrap();
    assert!(page.contains("Circuit breakers") && !page.contains("://"), "{page}");
}

/// Kubernetes asks for the status alone.
#[tokio::test]
async fn readiness_is_a_status_and_names_the_critical_breakers_that_are_open() {
    let clock = PausedClock::new();
    let registry = registry(&clock);
    let critical = Settings { critical: Some(true), ..Settings::default() };
    registry.override_settings("users", critical.clone()).unwrap();
    let router = Admin::new(registry.clone()).router();
    registry.get("users/a").trip();
    let ready = answer(&router, request("GET", "/ready")).await;
    assert_eq!(
        ready,
        (200, json!({ "ready": true, "unready": [], "count": 0 })),
        "users/a is not critical"
    );
    registry.get("users").trip();
    let (status, body) = answer(&router, request("GET", "/ready")).await;
    assert_eq!(
        (status, &body["ready"], &body["unready"][0]["name"]),
        (503, &json!(false), &json!("users"))
    );
    assert_eq!(body["unready"][0]["retry_after_ms"], 30_000);

    registry.override_settings("*", critical).unwrap();
    (0..1_000).for_each(|n| registry.get(&format!("host {n}")).trip());
    let (_, body) = answer(&router, request("GET", "/ready")).await;
    assert_eq!(body["count"], 1_002);
    assert_eq!(body["unready"].as_array().unwrap().len(), 100);
}
