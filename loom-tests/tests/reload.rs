//! Settings of an adapter's breaker that are replaced while other threads use it: whatever
//! they do comes before the reload, and is kept, or after it.
#![cfg(loom)]

use std::sync::Arc;
use std::time::Duration;

use microbreaker_loom_tests::*;
use microbreaker_std::settings::{Leak, Mode};
use microbreaker_std::{Breaker, Outcome, Phase, Settings};

const SECOND: Duration = Duration::from_secs(1);

/// Opens at this many failures in a row.
fn in_a_row(failures: u32) -> Settings {
    let consecutive_failures = Some(failures);
    let open_for = Some(10 * SECOND);
    Settings { consecutive_failures, open_for, backoff: None, ..Settings::default() }
}

/// Opens at this many failures among the last three calls.
fn in_window(failures: u32) -> Settings {
    let failures_in_window = Some(failures);
    Settings { consecutive_failures: None, failures_in_window, last_calls: Some(3), ..in_a_row(1) }
}

fn breaker(settings: Settings) -> Arc<Breaker> {
    Arc::new(Breaker::builder("users").settings(settings).clock(Still).build().unwrap())
}

fn fail(breaker: &Breaker) {
    if let Ok(permit) = breaker.try_acquire() {
        permit.failure();
    }
}

fn reload(settings: Settings) -> impl Fn(&Breaker) {
    move |breaker| _ = breaker.reload(&settings).unwrap()
}

#[test]
fn a_command_beside_a_reload_holds() {
    model_with(2, || {
        let breaker = breaker(in_a_row(3));
        race(&breaker, reload(in_a_row(4)), Breaker::force_open);
        assert_eq!(breaker.phase(), Phase::ForcedOpen);
        assert_eq!(breaker.settings(), in_a_row(4));
    });
}

#[test]
fn a_failure_beside_a_reload_counts_once() {
    model_with(3, || {
        let breaker = breaker(in_a_row(3));
        race(&breaker, reload(in_a_row(4)), fail);
        assert_eq!(breaker.snapshot().consecutive_failures, 1);
    });
}

/// The successor has the same window, but another policy.
#[test]
fn a_failure_beside_a_reload_enters_the_window_once() {
    model_with(2, || {
        let breaker = breaker(in_window(3));
        race(&breaker, reload(in_window(2)), fail);
        assert_eq!(breaker.snapshot().tally.failed, 1);
        fail(&breaker);
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Whichever comes last meets the policy of the settings that hold then.
#[test]
fn failures_beside_a_reload_trip() {
    model_with(2, || {
        let breaker = breaker(in_window(3));
        let reload_and_fail = |b: &Breaker| {
            reload(in_window(2))(b);
            fail(b);
        };
        race(&breaker, reload_and_fail, fail);
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// The successor has the same bucket, but another window beside it.
#[test]
fn a_failure_beside_a_reload_raises_the_bucket_once() {
    model_with(2, || {
        let leaky_bucket = Some(Leak::new(10, 1, 30));
        let of = |last_calls| Settings { leaky_bucket, last_calls, ..in_window(3) };
        let breaker = breaker(of(Some(3)));
        race(&breaker, reload(of(Some(4))), fail);
        assert_eq!(breaker.snapshot().tally.level, 10);
    });
}

/// The successor has another window, which takes nothing over, and the first bucket: a failure
/// is in both, or came before the reload.
#[test]
fn a_failure_beside_a_reload_raises_a_new_bucket() {
    model_with(2, || {
        let breaker = breaker(in_window(3));
        let leaky_bucket = Some(Leak::new(10, 1, 30));
        let new = Settings { leaky_bucket, last_calls: Some(4), ..in_window(3) };
        race(&breaker, reload(new), fail);
        let tally = breaker.snapshot().tally;
        assert_eq!(tally.level, 10 * tally.failed);
    });
}

/// Whichever comes last, the mode is that of its settings.
#[test]
fn two_reloads_of_the_mode_take_one_turn_each() {
    model_with(2, || {
        let of = |mode| Settings { mode: Some(mode), ..in_a_row(3) };
        let breaker = breaker(in_a_row(3));
        race(&breaker, reload(of(Mode::Disabled)), reload(of(Mode::ForcedOpen)));
        let is_disabled = breaker.settings() == of(Mode::Disabled);
        let phase = if is_disabled { Phase::Disabled } else { Phase::ForcedOpen };
        assert_eq!(breaker.phase(), phase);
    });
}

#[test]
fn a_demand_beside_a_reload_is_honoured() {
    model_with(2, || {
        let breaker = breaker(in_a_row(3));
        let permit = breaker.try_acquire_owned().unwrap();
        let demand = |_: &Breaker| permit.finish(Outcome::FailureOpenFor(SECOND));
        race(&breaker, reload(in_a_row(4)), demand);
        assert_eq!(breaker.snapshot().retry_after, Some(SECOND));
    });
}

/// The probe ends on the engine that gave it, or on its successor.
#[test]
fn a_probe_beside_a_reload_decides() {
    model_with(1, || {
        let breaker = breaker(in_a_row(3));
        breaker.trip();
        breaker.half_open().unwrap();
        let probe = breaker.try_acquire_owned().unwrap();
        race(&breaker, reload(in_a_row(4)), |_| probe.success());
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

/// No more than one probe, although the successor gives them, too.
#[test]
fn a_probe_beside_a_reload_takes_the_only_place() {
    model_with(1, || {
        let breaker = breaker(in_a_row(3));
        breaker.trip();
        breaker.half_open().unwrap();
        let reload_and_acquire = |b: &Breaker| {
            reload(in_a_row(4))(b);
            b.try_acquire_owned().ok()
        };
        let (one, other) = race(&breaker, reload_and_acquire, |b| b.try_acquire_owned().ok());
        assert!(one.is_some() != other.is_some());
    });
}

#[test]
fn a_reader_beside_a_reload_sees_what_holds() {
    model_with(2, || {
        let breaker = breaker(in_a_row(3));
        breaker.trip();
        let read = |b: &Breaker| (b.phase(), b.snapshot().retry_after);
        let (_, (phase, left)) = race(&breaker, reload(in_a_row(4)), read);
        assert_eq!((phase, left), (Phase::Open, Some(10 * SECOND)));
    });
}

/// A reader that finds the first version retired must not take the successor that is named
/// for the second.
#[test]
fn a_reader_beside_two_reloads_sees_them_in_order() {
    model_with(2, || {
        let breaker = breaker(in_a_row(3));
        let reload_twice = |b: &Breaker| {
            reload(in_a_row(4))(b);
            reload(in_a_row(5))(b);
        };
        let read = |b: &Breaker| [(); 2].map(|()| b.settings().consecutive_failures);
        let (_, [first, second]) = race(&breaker, reload_twice, read);
        assert!(first <= second, "{first:?}, then {second:?}");
    });
}

#[test]
fn two_reloads_and_a_command() {
    model_with(1, || {
        let breaker = breaker(in_a_row(3));
        race3(&breaker, reload(in_a_row(4)), reload(in_a_row(5)), Breaker::force_open);
        assert_eq!(breaker.phase(), Phase::ForcedOpen);
    });
}
