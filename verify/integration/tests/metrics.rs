//! The metrics that Prometheus scrapes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use metrics::with_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, Label, Outcome, Registry};

const SECOND: Duration = Duration::from_secs(1);

/// Runs `test` with its own recorder.
fn recorded(test: impl FnOnce(&PrometheusHandle)) {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || test(&recorder.handle()));
}

fn builder(clock: &PausedClock) -> Builder {
    Breaker::builder("users")
        .failure_rate(50)
        .min_calls(2)
        .last_calls(10)
        .open_for(10 * SECOND)
        .clock(clock.clone())
}

/// The lines of a scrape that have a value.
fn scrape(breaker: &Breaker, prometheus: &PrometheusHandle) -> Vec<String> {
    breaker.publish_metrics();
    let text = prometheus.render();
    text.lines().filter(|line| line.starts_with("microbreaker_")).map(str::to_owned).collect()
}

fn has(scrape: &[String], line: &str) {
    assert!(scrape.iter().any(|it| it == line), "{line} is not in {scrape:#?}");
}

fn call(breaker: &Breaker, outcome: Outcome) {
    let _ = breaker.call_classified(|| Ok::<_, ()>(()), |_: &Result<(), ()>| outcome);
}

#[test]
fn everything_is_measured_and_carries_the_name() {
    recorded(|prometheus| {
        let clock = PausedClock::new();
        let breaker = builder(&clock).build().unwrap();
        let late = breaker.try_acquire().unwrap();
        for outcome in [Outcome::Success, Outcome::Ignored, Outcome::Failure] {
            call(&breaker, outcome);
        }
        late.success();
        clock.advance(4 * SECOND);
        for _ in 0..3 {
            call(&breaker, Outcome::Success);
        }
        let scrape = scrape(&breaker, prometheus);
        for line in [
            r#"microbreaker_state{breaker="users",phase="open"} 1"#,
            r#"microbreaker_state{breaker="users",phase="closed"} 0"#,
            r#"microbreaker_phase_seconds{breaker="users"} 4"#,
            r#"microbreaker_retry_after_seconds{breaker="users"} 6"#,
            r#"microbreaker_failure_ratio{breaker="users"} 0.5"#,
            r#"microbreaker_calls_total{breaker="users",outcome="success"} 2"#,
            r#"microbreaker_calls_total{breaker="users",outcome="failure"} 1"#,
            r#"microbreaker_calls_total{breaker="users",outcome="ignored"} 1"#,
            r#"microbreaker_stale_calls_total{breaker="users"} 1"#,
            r#"microbreaker_rejections_total{breaker="users"} 3"#,
            r#"microbreaker_transitions_total{breaker="users",from="closed",to="open",cause="failure_rate"} 1"#,
        ] {
            has(&scrape, line);
        }
        assert!(scrape.iter().all(|line| line.contains(r#"breaker="users""#)));
        assert!(!scrape.iter().any(|line| line.contains("would_trip")), "there was no dry run");
    });
}

#[test]
fn a_scrape_adds_what_is_new_since_the_one_before() {
    recorded(|prometheus| {
        let breaker = builder(&PausedClock::new()).build().unwrap();
        for scrapes in 1..=3 {
            breaker.reset();
            let late = breaker.try_acquire().unwrap();
            breaker.reset();
            for outcome in [Outcome::Success, Outcome::Ignored, Outcome::Failure] {
                call(&breaker, outcome);
            }
            assert!(breaker.try_acquire().is_err());
            late.success();
            let scrape = scrape(&breaker, prometheus);
            for (series, count) in [
                (r#"microbreaker_calls_total{breaker="users",outcome="success"}"#, 2 * scrapes),
                (r#"microbreaker_calls_total{breaker="users",outcome="failure"}"#, scrapes),
                (r#"microbreaker_calls_total{breaker="users",outcome="ignored"}"#, scrapes),
                (r#"microbreaker_stale_calls_total{breaker="users"}"#, scrapes),
                (r#"microbreaker_rejections_total{breaker="users"}"#, scrapes),
            ] {
                has(&scrape, &format!("{series} {count}"));
            }
        }
    });
}

/// In some other breakers, the gauge of a phase stays 1 after the phase.
#[test]
fn one_phase_is_one_and_the_others_are_zero_at_every_scrape() {
    recorded(|prometheus| {
        let clock = PausedClock::new();
        let breaker = builder(&clock).build().unwrap();
        let enter: [(&str, &dyn Fn()); 6] = [
            ("closed", &|| breaker.reset()),
            ("open", &|| breaker.trip()),
            // No call is made: the scrape itself notices.
            ("half_open", &|| clock.advance(10 * SECOND)),
            ("forced_open", &|| breaker.force_open()),
            ("disabled", &|| breaker.disable()),
            ("metrics_only", &|| breaker.metrics_only()),
        ];
        for (phase, enter) in enter {
            enter();
            let scrape = scrape(&breaker, prometheus);
            let states = scrape.iter().filter(|line| line.starts_with("microbreaker_state{"));
            let ones: Vec<_> = states.clone().filter(|line| line.ends_with(" 1")).collect();
            assert_eq!(states.count(), 6);
            assert_eq!(
                ones,
                [&format!(r#"microbreaker_state{{breaker="users",phase="{phase}"}} 1"#)]
            );
        }
    });
}

#[test]
fn a_rate_of_too_few_calls_is_not_a_number() {
    recorded(|prometheus| {
        let breaker = builder(&PausedClock::new()).build().unwrap();
        call(&breaker, Outcome::Failure);
        has(&scrape(&breaker, prometheus), r#"microbreaker_failure_ratio{breaker="users"} NaN"#);
    });
}

#[test]
fn a_dry_run_counts_what_it_would_have_done() {
    recorded(|prometheus| {
        let breaker = builder(&PausedClock::new()).build().unwrap();
        breaker.metrics_only();
        let line = r#"microbreaker_would_trip_total{breaker="users",cause="failure_rate"} 0"#;
        has(&scrape(&breaker, prometheus), line);
        for _ in 0..4 {
            call(&breaker, Outcome::Failure);
        }
        let line = r#"microbreaker_would_trip_total{breaker="users",cause="failure_rate"} 1"#;
        has(&scrape(&breaker, prometheus), line);
    });
}

#[test]
fn durations_are_measured_on_request() {
    recorded(|prometheus| {
        let breaker = builder(&PausedClock::new()).build().unwrap();
        call(&breaker, Outcome::Success);
        assert!(scrape(&breaker, prometheus).iter().all(|line| !line.contains("duration")));

        let breaker = builder(&PausedClock::new()).measure_durations().build().unwrap();
        breaker.try_acquire().unwrap().took(2 * SECOND).failure();
        let scrape = scrape(&breaker, prometheus);
        let series = "microbreaker_call_duration_seconds";
        has(&scrape, &format!(r#"{series}_sum{{breaker="users",outcome="failure"}} 2"#));
        has(&scrape, &format!(r#"{series}_count{{breaker="users",outcome="failure"}} 1"#));

        breaker.call(|| Ok::<_, ()>(())).unwrap();
        let panics = || breaker.call(|| -> Result<(), ()> { panic!("on purpose") });
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        let scrape = self::scrape(&breaker, prometheus);
        has(&scrape, &format!(r#"{series}_count{{breaker="users",outcome="success"}} 1"#));
        has(&scrape, &format!(r#"{series}_count{{breaker="users",outcome="failure"}} 2"#));
    });
}

#[test]
fn a_registry_publishes_all_its_breakers() {
    recorded(|prometheus| {
        let registry = Registry::new(builder(&PausedClock::new())).unwrap();
        registry.get("a").trip();
        let _ = registry.get("b");
        registry.publish_metrics();
        let text = prometheus.render();
        assert!(text.contains(r#"microbreaker_state{breaker="a",phase="open"} 1"#));
        assert!(text.contains(r#"microbreaker_state{breaker="b",phase="closed"} 1"#));
        assert!(text.contains("# TYPE microbreaker_calls_total counter"));
        assert!(text.contains("# HELP microbreaker_state "));
    });
}

/// Otherwise an alert for a breaker that is gone would fire forever, and a new breaker
/// with its name would first have to catch up with its counts.
#[test]
fn a_removed_breaker_is_in_no_phase_and_its_counts_continue() {
    recorded(|prometheus| {
        let registry = Registry::new(builder(&PausedClock::new())).unwrap();
        let state = |phase, value| {
            let line = format!(r#"microbreaker_state{{breaker="users",phase="{phase}"}} {value}"#);
            assert!(prometheus.render().contains(&line), "{line}");
        };
        for round in 1..=2 {
            let breaker = registry.get("users");
            call(&breaker, Outcome::Success);
            breaker.force_open();
            registry.publish_metrics();
            state("forced_open", 1);
            call(&breaker, Outcome::Success);
            registry.remove("users").unwrap();
            state("forced_open", 0);
            let text = prometheus.render();
            let line = r#"microbreaker_calls_total{breaker="users",outcome="success"}"#;
            assert!(text.contains(&format!("{line} {round}\n")), "{text}");
            let line = r#"microbreaker_rejections_total{breaker="users"}"#;
            assert!(text.contains(&format!("{line} {round}\n")), "{text}");
        }
        let _ = registry.get("users");
        registry.publish_metrics();
        state("closed", 1);
        assert_eq!(registry.evict_idle(Duration::ZERO), 1);
        state("closed", 0);
    });
}

/// The labels of the series, each once.
fn labels(prometheus: &PrometheusHandle) -> Vec<String> {
    let text = prometheus.render();
    let labels = text.lines().filter_map(|line| line.split_once("breaker=\"")?.1.split_once('"'));
    let labels: BTreeSet<_> = labels.map(|(label, _)| label.to_owned()).collect();
    labels.into_iter().collect()
}

fn has_line(prometheus: &PrometheusHandle, line: &str) {
    let text = prometheus.render();
    assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
}

/// Otherwise an alert for it would fire for ever.
#[test]
fn a_breaker_that_is_dropped_is_in_no_phase() {
    recorded(|prometheus| {
        let breaker = builder(&PausedClock::new()).build().unwrap();
        breaker.trip();
        breaker.publish_metrics();
        call(&breaker, Outcome::Success);
        has_line(prometheus, r#"microbreaker_state{breaker="users",phase="open"} 1"#);
        drop(breaker);
        has_line(prometheus, r#"microbreaker_state{breaker="users",phase="open"} 0"#);
        has_line(prometheus, r#"microbreaker_retry_after_seconds{breaker="users"} 0"#);
        has_line(prometheus, r#"microbreaker_rejections_total{breaker="users"} 1"#);
    });
}

#[test]
fn a_breaker_leaves_the_metrics_with_its_registry() {
    recorded(|prometheus| {
        let registry = Registry::new(builder(&PausedClock::new())).unwrap();
        registry.get("a").trip();
        registry.publish_metrics();
        drop(registry);
        has_line(prometheus, r#"microbreaker_state{breaker="a",phase="open"} 0"#);
    });
}

type Step = Box<dyn FnOnce() + Send>;

/// A clock at whose next reading another thread has its way.
#[derive(Clone, Default)]
struct Interrupted(Arc<Mutex<Option<Step>>>);

impl microbreaker_std::Clock for Interrupted {
    fn now(&self) -> u32 {
        let step = self.0.lock().unwrap().take();
        step.map_or(0, |step| {
            step();
            0
        })
    }
}

#[test]
fn a_breaker_that_is_removed_while_it_is_published_is_in_no_phase() {
    for published_before in [false, true] {
        recorded(|prometheus| {
            let clock = Interrupted::default();
            let template = builder(&PausedClock::new()).clock(clock.clone());
            let registry = Registry::new(template).unwrap();
            let kept = registry.get("users");
            kept.trip();
            if published_before {
                registry.publish_metrics();
            }
            // To tell how long it is open yet, the clock is read.
            let other = registry.clone();
            *clock.0.lock().unwrap() = Some(Box::new(move || drop(other.remove("users"))));
            registry.publish_metrics();
            assert!(registry.find("users").is_none(), "it was removed");
            kept.publish_metrics();
            let open = r#"microbreaker_state{breaker="users",phase="open"} 1"#;
            assert!(!prometheus.render().contains(open));
        });
    }
}

/// 40 names of tenants, of which the last 10 are open.
fn tenants(registry: &Registry) {
    for n in 0..40 {
        let tenant = registry.get(&format!("tenant/{n}"));
        call(&tenant, Outcome::Success);
        if n >= 30 {
            tenant.trip_for((n + 1) * SECOND);
        }
    }
}

#[test]
fn labels_can_be_grouped_and_dropped() {
    recorded(|prometheus| {
        let registry = Registry::new(builder(&PausedClock::new())).unwrap();
        let registry = registry.most_idle(20).label_with(|name| match name.split_once('/') {
            Some(("tenant", _)) => Label::Group("tenants".into()),
            Some(_) => Label::Dropped,
            None => Label::Name,
        });
        let held: Vec<_> = (0..10).map(|n| registry.get(&format!("scratch/{n}"))).collect();
        held.iter().for_each(Breaker::trip);
        registry.get("users").trip();
        tenants(&registry);
        registry.publish_metrics();
        assert_eq!(labels(prometheus), ["tenants", "users"]);
        has_line(prometheus, r#"microbreaker_state{breaker="tenants",phase="open"} 10"#);
        has_line(prometheus, r#"microbreaker_retry_after_seconds{breaker="tenants"} 40"#);
        let transitions = r#"microbreaker_transitions_total{breaker="tenants",from="closed""#;
        has_line(prometheus, &format!(r#"{transitions},to="open",cause="manual"}} 10"#));

        registry.matching("tenant/*").iter().for_each(|it| drop(registry.remove(it.name())));
        has_line(prometheus, r#"microbreaker_state{breaker="tenants",phase="open"} 10"#);
        registry.publish_metrics();
        has_line(prometheus, r#"microbreaker_state{breaker="tenants",phase="open"} 0"#);
        has_line(prometheus, r#"microbreaker_retry_after_seconds{breaker="tenants"} 0"#);
        assert_eq!(labels(prometheus), ["tenants", "users"]);
    });
}

#[test]
fn only_the_busiest_have_a_label_of_their_own() {
    recorded(|prometheus| {
        let registry = Registry::new(builder(&PausedClock::new())).unwrap().label_busiest(2);
        let calls = |name: &str, count| {
            let breaker = registry.get(name);
            (0..count).for_each(|_| call(&breaker, Outcome::Success));
        };
        for n in 0..100 {
            calls(&n.to_string(), 1);
        }
        calls("users", 5);
        calls("orders", 4);
        registry.publish_metrics();
        assert_eq!(labels(prometheus), ["orders", "other", "users"]);
        has_line(prometheus, r#"microbreaker_state{breaker="other",phase="closed"} 100"#);
        has_line(prometheus, r#"microbreaker_state{breaker="users",phase="closed"} 1"#);

        calls("7", 9);
        registry.publish_metrics();
        has_line(prometheus, r#"microbreaker_state{breaker="7",phase="closed"} 1"#);
        has_line(prometheus, r#"microbreaker_state{breaker="orders",phase="closed"} 0"#);
        has_line(prometheus, r#"microbreaker_state{breaker="other",phase="closed"} 100"#);
        let calls = r#"microbreaker_calls_total{breaker="other",outcome="success"} 100"#;
        has_line(prometheus, calls);
    });
}

#[test]
fn grouped_breakers_are_none_of_the_busiest() {
    recorded(|prometheus| {
        let registry = Registry::new(builder(&PausedClock::new())).unwrap();
        let registry = registry.label_busiest(1).label_with(|name| match name.split_once('/') {
            Some(_) => Label::Group("tenants".into()),
            None => Label::Name,
        });
        for (name, calls) in [("tenant/a", 9), ("users", 3), ("orders", 2), ("idle", 1)] {
            let breaker = registry.get(name);
            (0..calls).for_each(|_| call(&breaker, Outcome::Success));
        }
        for _ in 0..3 {
            registry.publish_metrics();
            assert_eq!(labels(prometheus), ["other", "tenants", "users"]);
            has_line(prometheus, r#"microbreaker_state{breaker="users",phase="closed"} 1"#);
            has_line(prometheus, r#"microbreaker_state{breaker="tenants",phase="closed"} 1"#);
        }
    });
}

/// As the documentation advises.
#[test]
fn an_exporter_with_an_idle_time_out_forgets_what_is_gone() {
    let time_out = Duration::from_millis(1);
    let recorder =
        PrometheusBuilder::new().idle_timeout(MetricKindMask::ALL, Some(time_out)).build_recorder();
    let prometheus = recorder.handle();
    with_local_recorder(&recorder, || {
        let breaker = builder(&PausedClock::new()).build().unwrap();
        breaker.publish_metrics();
        assert!(prometheus.render().contains("users"));
        drop(breaker);
        let began = Instant::now();
        while prometheus.render().contains("users") {
            assert!(began.elapsed() < 60 * SECOND, "it is never forgotten");
        }
    });
}

#[test]
fn counts_of_all_threads_are_summed_and_none_is_lost() {
    let breaker = builder(&PausedClock::new()).build().unwrap();
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| call(&breaker, Outcome::Success)));
            }
        });
    }
    assert_eq!(breaker.counts().successes, 120_000);
}

#[test]
fn more_threads_than_cores_are_counted_as_well() {
    let threads = 3 * std::thread::available_parallelism().unwrap().get() + 1;
    let breaker = builder(&PausedClock::new()).build().unwrap();
    let all_there = Barrier::new(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    call(&breaker, Outcome::Success);
                    call(&breaker, Outcome::Ignored);
                }
                // No thread may reuse the number of one that ended.
                all_there.wait();
            });
        }
    });
    let counts = breaker.counts();
    assert_eq!(counts.successes, threads as u64 * 1_000);
    assert_eq!(counts.ignored, threads as u64 * 1_000);
}

#[test]
fn calls_that_a_thread_makes_while_it_ends_are_counted() {
    struct CallsWhenDropped(Breaker);

    impl Drop for CallsWhenDropped {
        fn drop(&mut self) {
            call(&self.0, Outcome::Success);
        }
    }

    thread_local!(static LAST: RefCell<Vec<CallsWhenDropped>> = const { RefCell::new(Vec::new()) });

    let breaker = builder(&PausedClock::new()).build().unwrap();
    let of_thread = breaker.clone();
    std::thread::spawn(move || {
        // Both are destroyed when the thread ends, this one last, because it is older.
        LAST.with_borrow_mut(|last| last.push(CallsWhenDropped(of_thread.clone())));
        call(&of_thread, Outcome::Success);
    })
    .join()
    .unwrap();
    assert_eq!(breaker.counts().successes, 2);
}
