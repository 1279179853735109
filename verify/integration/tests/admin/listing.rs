//! Lists of breakers and of groups.

use std::time::Duration;

use axum::Router;
use microbreaker_std::admin::{Admin, Command};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Leak;
use microbreaker_std::{Breaker, Settings};
use serde_json::{Value, json};

use crate::{SECOND, answer, names, open_to_all, registry, request};

#[tokio::test]
async fn every_breaker_is_listed_with_its_phase_and_rates() {
    let clock = PausedClock::new();
    let registry = registry(&clock);
    let users = registry.get("users");
    for result in [Ok(()), Err(()), Ok(()), Err(())] {
        let _ = users.call(|| result);
    }
    clock.advance(SECOND);
    let (status, list) = answer(&Admin::new(registry).router(), request("GET", "/breakers")).await;
    assert_eq!((status, names(&list)), (200, vec!["users", "users/a"]));
    assert_eq!(list["commands"], json!([]), "no command is allowed");
    assert_eq!(
        list["breakers"][0],
        json!({
            "name": "users", "phase": "open", "in_phase_for_ms": 1_000, "retry_after_ms": 29_000,
            "tally": { "calls": 4, "failed": 2, "slow": 0, "level": 0 },
            "failure_rate": 50.0, "slow_rate": null,
            "consecutive_failures": 0, "backoff_level": 0,
            "standing": "open", "critical": false,
            "counts": { "successes": 2, "failures": 2, "ignored": 0, "stale": 0, "rejections": 0 },
            "limits": {
                "failure_rate": 50.0, "slow_rate": null, "slow_after_ms": null, "min_calls": 4,
                "failures_in_window": null, "consecutive_failures": null, "level": null,
                "probes": 1,
            },
            "latency": null,
        })
    );
    assert_eq!(list["standings"], json!({ "open": 1, "closed": 1 }));
}

#[tokio::test]
async fn every_limit_that_a_policy_sets_is_told() {
    let clock = PausedClock::new();
    let registry = registry(&clock);
    let settings = Settings {
        failure_ratio: Some((3, 8)),
        slow_rate: Some(80),
        slow_after: Some(2 * SECOND),
        failures_in_window: Some(40),
        consecutive_failures: Some(7),
        leaky_bucket: Some(Leak::new(3, 1, 90)),
        min_calls: Some(20),
        last_calls: Some(100),
        probes: Some(3),
        critical: Some(true),
        open_for: Some(SECOND),
        ..Settings::default()
    };
    let limited = Breaker::builder("limited").settings(settings).measure_latency();
    let limited = registry.insert(limited.clock(clock.clone())).unwrap();
    let router = Admin::new(registry).router();
    let (_, one) = answer(&router, request("GET", "/breakers/limited")).await;
    assert_eq!(one["latency"], json!({ "calls": 0, "p50_ms": null, "p99_ms": null }));
    for ms in [10, 20] {
        limited.try_acquire().unwrap().took(Duration::from_millis(ms)).success();
    }
    let (_, one) = answer(&router, request("GET", "/breakers/limited")).await;
    assert_eq!(
        one["limits"],
        json!({
            "failure_rate": 37.5, "slow_rate": 80.0, "slow_after_ms": 2_000, "min_calls": 20,
            "failures_in_window": 40, "consecutive_failures": 7, "level": 90, "probes": 3,
        })
    );
    assert_eq!(one["critical"], true);
    assert_eq!(one["latency"], json!({ "calls": 2, "p50_ms": 10.239, "p99_ms": 20.479 }));
}

/// The breakers of `order=trouble`, and each with its standing.
async fn standings(router: &Router, query: &str) -> Vec<(String, String)> {
    let path = format!("/breakers?order=trouble{query}");
    let (status, list) = answer(router, request("GET", &path)).await;
    assert_eq!(status, 200, "{list}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let breakers = list["breakers"].as_array().unwrap().iter();
    breakers.map(|b| (text(&b["name"]), text(&b["standing"]))).collect()
}

#[tokio::test]
async fn trouble_comes_first() {
    let registry = registry(&PausedClock::new());
    for (name, command) in [
        ("d", Command::Disable),
        ("e", Command::Trip),
        ("f", Command::MetricsOnly),
        ("g", Command::ForceOpen),
        ("h", Command::Trip),
        ("i", Command::HalfOpen),
    ] {
        let router = open_to_all(&registry);
        registry.get(name).trip();
        let path = format!("/breakers/{name}/{}", command.name());
        assert_eq!(answer(&router, request("POST", &path)).await.0, 200);
    }
    let router = Admin::new(registry).router();
    let order = [
        ("e", "open"),
        ("h", "open"),
        ("i", "half_open"),
        ("g", "forced_open"),
        ("d", "disabled"),
        ("f", "metrics_only"),
        ("users", "closed"),
        ("users/a", "closed"),
    ];
    let order = order.map(|(name, standing)| (name.to_owned(), standing.to_owned()));
    assert_eq!(standings(&router, "").await, order);
    assert_eq!(standings(&router, "&skip=2&limit=3").await, order[2..5]);
    assert_eq!(standings(&router, "&skip=100").await, []);
    assert_eq!(standings(&router, "&standing=open").await, order[..2]);
    assert_eq!(standings(&router, "&standing=open&closed=true").await, []);

    let (_, list) = answer(&router, request("GET", "/breakers?standing=open&limit=1")).await;
    assert_eq!((&list["selected"], &list["in_all"]), (&json!(2), &json!(8)));
    assert_eq!((&list["standings"]["closed"], &list["next"]), (&json!(2), &json!("e")));
    let (_, all) = answer(&router, request("GET", "/breakers?standing=open&limit=2")).await;
    assert_eq!(all["next"], Value::Null, "these are all");
    for wrong in ["order=trouble&after=e", "order=size", "standing=ajar", "skip=-1"] {
        let path = format!("/breakers?{wrong}");
        let (status, why) = answer(&router, request("GET", &path)).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(why["error"].is_string(), "{wrong}: {why}");
    }
}

#[tokio::test]
async fn a_breaker_is_strained_at_half_of_what_any_policy_allows() {
    let strained = async |settings: Settings, failing: u32, succeeding: u32| {
        let clock = PausedClock::new();
        let registry = registry(&clock);
        let settings = Settings { open_for: Some(SECOND), ..settings };
        let builder = Breaker::builder("it").settings(settings).clock(clock.clone());
        let it = registry.insert(builder).unwrap();
        let call = |fails: bool| {
            let permit = it.try_acquire().unwrap().took(SECOND);
            if fails { permit.failure() } else { permit.success() }
        };
        (0..succeeding).for_each(|_| call(false));
        (0..failing).for_each(|_| call(true));
        let router = Admin::new(registry).router();
        standings(&router, "&matching=it").await[0].1 == "strained"
    };
    let window = Settings { last_calls: Some(100), min_calls: Some(10), ..Settings::default() };
    let rate = Settings { failure_rate: Some(40), ..window.clone() };
    assert!(!strained(rate.clone(), 19, 81).await);
    assert!(strained(rate.clone(), 20, 80).await);
    assert!(!strained(rate, 3, 6).await, "too few calls for a rate");
    let ratio = Settings { failure_ratio: Some((1, 10)), ..window.clone() };
    assert!(!strained(ratio.clone(), 4, 96).await);
    assert!(strained(ratio, 5, 95).await);
    let slow = Settings {
        slow_rate: Some(100),
        slow_after: Some(SECOND / 2),
        min_calls: Some(100),
        ..window.clone()
    };
    assert!(!strained(slow.clone(), 0, 99).await);
    let in_window = Settings { failures_in_window: Some(10), ..window };
    assert!(!strained(in_window.clone(), 4, 0).await);
    assert!(strained(in_window, 5, 0).await);
    let in_a_row = Settings { consecutive_failures: Some(6), ..Settings::default() };
    assert!(!strained(in_a_row.clone(), 2, 50).await);
    assert!(strained(in_a_row, 3, 50).await);
    let bucket = Settings { leaky_bucket: Some(Leak::new(2, 1, 12)), ..Settings::default() };
    assert!(!strained(bucket.clone(), 2, 0).await);
    assert!(strained(bucket, 3, 0).await);
}

#[tokio::test]
async fn groups_are_listed_with_those_in_trouble_first() {
    let registry = registry(&PausedClock::new());
    for name in ["a/1", "a/2", "b/1", "b/2/x", "c", ""] {
        registry.get(name).call(|| Ok::<_, ()>(())).unwrap();
    }
    registry.get("b/2/x").trip();
    let _ = registry.get("b/2/x").call(|| Ok::<_, ()>(()));
    registry.get("users/a").disable();
    let router = Admin::new(registry).router();
    let group = |name: &str, standings: Value, [successes, rejections]: [u32; 2]| {
        let in_all: u64 = standings.as_object().unwrap().values().filter_map(Value::as_u64).sum();
        json!({
            "group": name, "in_all": in_all, "standings": standings,
            "counts": {
                "successes": successes, "failures": 0, "ignored": 0, "stale": 0,
                "rejections": rejections
            },
        })
    };
    let groups = [
        group("b", json!({ "open": 1, "closed": 1 }), [2, 1]),
        group("users", json!({ "disabled": 1 }), [0, 0]),
        group("", json!({ "closed": 3 }), [2, 0]),
        group("a", json!({ "closed": 2 }), [2, 0]),
    ];
    let list = async |query: &str| {
        let (status, list) = answer(&router, request("GET", &format!("/groups{query}"))).await;
        assert_eq!(status, 200, "{list}");
        (list["in_all"].as_u64().unwrap(), list["groups"].clone())
    };
    assert_eq!(list("").await, (4, json!(groups)));
    assert_eq!(list("?skip=1&limit=2").await, (4, json!(groups[1..3])));
    assert_eq!(list("?matching=a/*").await, (1, json!(groups[3..])));

    let (_, of_b) = answer(&router, request("GET", "/breakers?group=b")).await;
    assert_eq!((names(&of_b), &of_b["in_all"]), (vec!["b/1", "b/2/x"], &json!(2)));
    let (_, of_none) = answer(&router, request("GET", "/breakers?group=")).await;
    assert_eq!(names(&of_none), ["", "c", "users"]);
}

/// Names may come from outside, and so may groups.
#[tokio::test]
async fn answers_are_bounded_however_many_groups_there_are() {
    let registry = registry(&PausedClock::new());
    let held: Vec<_> = (0..2_500).map(|n| registry.get(&format!("{n}/x"))).collect();
    let router = Admin::new(registry).router();
    for query in ["", "?limit=5000", "?skip=1000"] {
        let (_, list) = answer(&router, request("GET", &format!("/groups{query}"))).await;
        assert_eq!(list["groups"].as_array().unwrap().len(), 1_000, "{query}");
        assert_eq!(list["in_all"], held.len() + 2);
    }
}

#[tokio::test]
async fn a_pattern_selects_breakers() {
    let router = Admin::new(registry(&PausedClock::new())).router();
    let (_, list) = answer(&router, request("GET", "/breakers?matching=users/*")).await;
    assert_eq!(names(&list), ["users/a"]);
}

/// Otherwise each open page would make the server send everything, all the time.
#[tokio::test]
async fn breakers_are_listed_in_pages() {
    let registry = registry(&PausedClock::new());
    let held: Vec<_> = (0..2_500).map(|n| registry.get(&format!("host/{n:04}"))).collect();
    held[7].trip();
    held[2_400].disable();
    let router = Admin::new(registry).router();
    let list = async |query: &str| {
        let (status, list) = answer(&router, request("GET", &format!("/breakers{query}"))).await;
        assert_eq!(status, 200, "{list}");
        assert_eq!(list["not_closed"], 2);
        list
    };
    let first = list("").await;
    assert_eq!((names(&first).len(), &first["in_all"]), (1_000, &json!(2_502)));
    assert_eq!(names(&list("?limit=2000").await).len(), 1_000);

    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("?matching=host/*&limit=700&after={after}")).await;
        assert_eq!(page["in_all"], 2_500);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        after = next.replace('/', "%2F");
    }
    assert_eq!(seen.len(), 2_500);
    assert!(seen.is_sorted_by(|a, b| a < b), "each once");

    let open = list("?closed=false").await;
    assert_eq!((names(&open), &open["next"]), (vec!["host/0007", "host/2400"], &Value::Null));
    assert_eq!(names(&list("?closed=true&limit=1&after=host/0006").await), ["host/0008"]);
}

#[tokio::test]
async fn settings_that_apply_to_no_breaker_are_listed() {
    let registry = registry(&PausedClock::new());
    let settings = registry.get("users").settings().clone();
    registry.reload(settings.clone(), [("usres".to_owned(), settings)]).unwrap();
    let (_, list) = answer(&Admin::new(registry).router(), request("GET", "/breakers")).await;
    assert_eq!(list["unmatched"], json!(["usres"]));
}
