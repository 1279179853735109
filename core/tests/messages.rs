//! What people and programs read when a call is refused or fails.

use std::error::Error;
use std::fmt;

use microbreaker::{Breaker, CallError, Cause, Config, Phase, Rejected, clock::ManualClock};

static CLOCK: ManualClock = ManualClock::new(0);

/// An error with a cause.
#[derive(Debug, PartialEq)]
struct Timeout(fmt::Error);

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer in 50 ms")
    }
}

impl Error for Timeout {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn breaker() -> Breaker<(), &'static ManualClock> {
    Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), &CLOCK)
}

#[test]
fn a_rejection_names_the_phase_and_how_long_to_wait() {
    let breaker = breaker();
    breaker.trip();
    let rejected = breaker.try_acquire().unwrap_err();
    assert_eq!((rejected.phase, rejected.retry_after), (Phase::Open, Some(500)));
    assert_eq!(
        rejected.to_string(),
        "circuit breaker refused the call: open for another 500 ticks"
    );
    breaker.force_open();
    let rejected = breaker.try_acquire().unwrap_err();
    assert_eq!((rejected.phase, rejected.retry_after), (Phase::ForcedOpen, None));
    assert_eq!(rejected.to_string(), "circuit breaker refused the call: forced_open");
}

#[test]
fn a_failed_call_reads_as_its_own_error() {
    let error = breaker().call(|| Err::<(), _>(Timeout(fmt::Error))).unwrap_err();
    assert_eq!(error, CallError::Failed(Timeout(fmt::Error)));
    assert_eq!(error.to_string(), "no answer in 50 ms");
    assert!(error.rejected().is_none());
    assert!(error.source().unwrap().is::<fmt::Error>(), "its source is that of the call's error");
}

#[test]
fn a_refused_call_reads_as_the_rejection() {
    let breaker = breaker();
    breaker.trip();
    let error = breaker.call(|| Ok::<(), Timeout>(())).unwrap_err();
    let rejected: Rejected = breaker.try_acquire().unwrap_err();
    assert_eq!(error, CallError::from(rejected));
    assert_eq!(error.rejected(), Some(&rejected));
    assert_eq!(error.to_string(), rejected.to_string());
    assert!(error.source().is_none());
}

#[test]
fn an_impossible_transition_is_an_error_and_changes_nothing() {
    let breaker = breaker();
    let error = breaker.half_open().unwrap_err();
    assert_eq!((error.from, error.to), (Phase::Closed, Phase::HalfOpen));
    assert_eq!(error.to_string(), "a circuit breaker cannot be switched from closed to half_open");
    assert_eq!(breaker.phase(), Phase::Closed);
    breaker.disable();
    assert_eq!(breaker.half_open().unwrap_err().from, Phase::Disabled);
    assert_eq!(breaker.phase(), Phase::Disabled);
}

#[test]
fn phases_have_names_and_can_be_aligned() {
    let names: Vec<_> = Phase::ALL.iter().map(|phase| phase.name()).collect();
    let expected = ["closed", "open", "half_open", "forced_open", "disabled", "metrics_only"];
    assert_eq!(names, expected);
    assert_eq!(format!("{:>6}|{:<6}|", Phase::Open, Phase::Open), "  open|open  |");
}

#[test]
fn causes_have_names() {
    let expected = [
        (Cause::ConsecutiveFailures, "consecutive_failures"),
        (Cause::FailuresInWindow, "failures_in_window"),
        (Cause::FailureRate, "failure_rate"),
        (Cause::SlowRate, "slow_rate"),
        (Cause::Demanded, "demanded"),
        (Cause::OpeningOver, "opening_over"),
        (Cause::ProbesSucceeded, "probes_succeeded"),
        (Cause::ProbesFailed, "probes_failed"),
        (Cause::ProbeTimeout, "probe_timeout"),
        (Cause::Manual, "manual"),
        (Cause::Fleet, "fleet"),
    ];
    for (cause, name) in expected {
        assert_eq!(cause.name(), name);
    }
}
