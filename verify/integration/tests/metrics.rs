//! The metrics that Prometheus scrapes.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::time::Duration;

use metrics::with_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, Outcome, Registry};

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
