//! New settings while a breaker is in use.

use std::cell::RefCell;
use std::future::{poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::{Leak, Mode};
use microbreaker_std::{Breaker, CallError, Clock, Outcome, Phase, Reloaded, Settings};

const SECOND: Duration = Duration::from_secs(1);

fn settings(failures: u32) -> Settings {
    Settings {
        consecutive_failures: Some(failures),
        last_calls: Some(10),
        open_for: Some(10 * SECOND),
        backoff: None,
        ..Settings::default()
    }
}

fn breaker() -> (Breaker, PausedClock) {
    let clock = PausedClock::new();
    let builder = Breaker::builder("users").settings(settings(3)).clock(clock.clone());
    (builder.build().unwrap(), clock)
}

fn fail(breaker: &Breaker) {
    assert!(breaker.call(|| Err::<(), _>("no answer")).is_err());
}

#[test]
fn the_same_settings_change_nothing() {
    let (breaker, _) = breaker();
    fail(&breaker);
    let before = breaker.snapshot();
    assert_eq!(breaker.reload(&settings(3)), Ok(Reloaded::Unchanged));
    assert_eq!(breaker.snapshot(), before);
}

#[test]
fn new_settings_take_effect_for_every_handle() {
    let (breaker, _) = breaker();
    let other = breaker.clone();
    breaker.reload(&settings(1)).unwrap();
    assert_eq!(other.settings(), &settings(1));
    fail(&other);
    assert_eq!(breaker.phase(), Phase::Open);
}

/// Polls `call`, on no executor.
fn poll<T>(call: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    call.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_future_that_waits_during_a_reload_counts_once() {
    let (breaker, _) = breaker();
    for failures in 1..=4 {
        let mut answer = Err("no answer");
        let mut polls = 0..2;
        let mut call = pin!(breaker.call_async(poll_fn(|_| match polls.next() {
            Some(0) => Poll::Pending,
            _ => Poll::Ready(std::mem::replace(&mut answer, Ok(()))),
        })));
        assert!(poll(call.as_mut()).is_pending());
        // Begun in the first version, which most calls find, and then in one of a reload.
        breaker.reload(&settings(10 + failures)).unwrap();
        assert!(matches!(poll(call.as_mut()), Poll::Ready(Err(CallError::Failed("no answer")))));
        assert_eq!(breaker.snapshot().consecutive_failures, failures);
        assert_eq!(breaker.snapshot().tally.calls, failures);
    }
}

#[test]
fn a_future_that_reloads_its_breaker_counts_in_the_new_version() {
    let (breaker, _) = breaker();
    for failures in 1..=4 {
        let mut call = pin!(breaker.call_async(async {
            breaker.reload(&settings(10 + failures)).unwrap();
            Err::<(), _>("no answer")
        }));
        assert!(poll(call.as_mut()).is_ready());
        assert_eq!(breaker.snapshot().consecutive_failures, failures);
    }
    breaker.trip();
    let mut call = pin!(breaker.call_async(ready(Ok::<_, ()>(()))));
    assert!(matches!(poll(call.as_mut()), Poll::Ready(Err(CallError::Rejected(_)))));
}

#[test]
fn failures_in_a_row_go_on() {
    let (breaker, _) = breaker();
    fail(&breaker);
    fail(&breaker);
    let reloaded = breaker.reload(&settings(4)).unwrap();
    assert_eq!(reloaded.to_string(), "changed, still closed; forgot 0 calls");
    assert_eq!(breaker.snapshot().consecutive_failures, 2);
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn failures_in_a_row_that_the_new_settings_do_not_count_are_reported() {
    let in_a_row = Settings { last_calls: None, ..settings(3) };
    let breaker = Breaker::builder("users").settings(in_a_row).build().unwrap();
    fail(&breaker);
    fail(&breaker);
    let by_window = Settings { consecutive_failures: None, ..settings(3) };
    let by_window = Settings { failures_in_window: Some(3), ..by_window };
    let reloaded = breaker.reload(&by_window).unwrap();
    let told = "changed, still closed; forgot 0 calls and 2 failures in a row";
    assert_eq!(reloaded.to_string(), told);
}

#[test]
fn a_window_is_kept_if_the_new_one_can_hold_it_and_reported_if_not() {
    let window = |last_calls, failures| Settings {
        consecutive_failures: None,
        failures_in_window: Some(failures),
        last_calls: Some(last_calls),
        ..settings(0)
    };
    let breaker = Breaker::builder("users").settings(window(10, 3)).build().unwrap();
    for _ in 0..2 {
        fail(&breaker);
        breaker.call(|| Ok::<_, ()>(())).unwrap();
    }
    let reloaded = breaker.reload(&window(5, 3)).unwrap();
    assert_eq!(reloaded.to_string(), "changed, still closed; forgot 0 calls");
    assert_eq!((breaker.snapshot().tally.calls, breaker.snapshot().tally.failed), (4, 2));

    let by_time = Settings { last_calls: None, within: Some(SECOND), ..window(5, 3) };
    let reloaded = breaker.reload(&by_time).unwrap();
    assert_eq!(reloaded.to_string(), "changed, still closed; forgot 4 calls");

    let breaker = Breaker::builder("users").settings(window(10, 3)).build().unwrap();
    fail(&breaker);
    fail(&breaker);
    breaker.reload(&window(10, 2)).unwrap();
    assert_eq!(breaker.phase(), Phase::Closed, "a policy is looked at when a call ends");
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_window_is_forgotten_if_the_new_one_is_longer_or_of_another_time() {
    let window = |last_calls, within| Settings {
        consecutive_failures: None,
        failure_rate: Some(50),
        min_calls: Some(4),
        last_calls,
        within,
        ..settings(0)
    };
    let by_calls = |last_calls| window(Some(last_calls), None);
    let by_time = |within| window(None, Some(within));
    for (old, new) in [
        (by_calls(4), by_calls(5)),
        (by_time(SECOND), by_time(10 * SECOND)),
        (by_time(10 * SECOND), by_time(SECOND)),
    ] {
        let breaker = Breaker::builder("users").settings(old).build().unwrap();
        for _ in 0..3 {
            fail(&breaker);
        }
        let reloaded = breaker.reload(&new).unwrap();
        assert_eq!(reloaded.to_string(), "changed, still closed; forgot 3 calls");
        fail(&breaker);
        assert_eq!(breaker.phase(), Phase::Closed);
        assert_eq!(breaker.snapshot().tally.calls, 1);
    }
}

/// Opens at the third failure, by its bucket.
fn in_bucket(last_calls: Option<u32>, within: Option<Duration>) -> Settings {
    let leaky_bucket = Some(Leak::new(10, 1, 30));
    let failures_in_window = (last_calls.is_some() || within.is_some()).then_some(9);
    let consecutive_failures = None;
    let rest = settings(0);
    Settings { leaky_bucket, failures_in_window, consecutive_failures, last_calls, within, ..rest }
}

#[test]
fn the_level_of_a_bucket_is_kept_also_when_the_window_beside_it_is_replaced() {
    let by_calls = in_bucket(Some(20), None);
    let breaker = Breaker::builder("users").settings(by_calls).build().unwrap();
    fail(&breaker);
    breaker.call(|| Ok::<_, ()>(())).unwrap();
    fail(&breaker);
    let others = [(Some(10), 0), (None, 3)];
    for (last_calls, forgotten) in others {
        let within = last_calls.is_none().then_some(SECOND);
        let reloaded = breaker.reload(&in_bucket(last_calls, within)).unwrap().to_string();
        assert_eq!(reloaded, format!("changed, still closed; forgot {forgotten} calls"));
        assert_eq!(breaker.snapshot().tally.level, 19);
    }
    breaker.reload(&in_bucket(None, None)).unwrap();
    fail(&breaker);
    assert_eq!((breaker.phase(), breaker.snapshot().tally.level), (Phase::Closed, 29));
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn the_level_of_a_bucket_is_0_in_the_next_tenure_and_in_a_new_bucket() {
    let breaker = Breaker::builder("users").settings(in_bucket(None, None)).build().unwrap();
    fail(&breaker);
    breaker.reload(&in_bucket(Some(9), None)).unwrap();
    breaker.reset();
    assert_eq!(breaker.snapshot().tally.level, 0);
    fail(&breaker);
    let without = Settings { leaky_bucket: None, ..in_bucket(Some(9), None) };
    let reloaded = breaker.reload(&without).unwrap();
    assert_eq!(reloaded.to_string(), "changed, still closed; forgot 0 calls and a level of 10");
    let reloaded = breaker.reload(&in_bucket(Some(9), None)).unwrap();
    assert_eq!(reloaded.to_string(), "changed, still closed; forgot 0 calls");
    assert_eq!((breaker.snapshot().tally.level, breaker.snapshot().tally.calls), (0, 1));
}

#[test]
fn a_mode_that_has_changed_is_entered_and_one_that_has_not_is_left_to_commands() {
    let of = |failures, mode| Settings { mode, ..settings(failures) };
    let (breaker, _) = breaker();
    breaker.force_open();
    breaker.reload(&of(4, None)).unwrap();
    breaker.reload(&of(4, Some(Mode::Closed))).unwrap();
    assert_eq!(breaker.phase(), Phase::ForcedOpen, "closed is what it was before");
    for (mode, phase) in [
        (Mode::Disabled, Phase::Disabled),
        (Mode::MetricsOnly, Phase::MetricsOnly),
        (Mode::ForcedOpen, Phase::ForcedOpen),
        (Mode::Closed, Phase::Closed),
    ] {
        breaker.reload(&of(4, Some(mode))).unwrap();
        assert_eq!(breaker.phase(), phase);
        breaker.reload(&of(5, Some(mode))).unwrap();
        assert_eq!(breaker.phase(), phase);
    }
    breaker.reload(&of(4, Some(Mode::Disabled))).unwrap();
    breaker.trip();
    breaker.reload(&of(5, Some(Mode::Disabled))).unwrap();
    breaker.reload(&of(5, None)).unwrap();
    assert_eq!(breaker.phase(), Phase::Open, "it works for real already");
}

/// The change of mode is told without a lock.
#[test]
fn a_listener_may_reload_when_a_reload_changes_the_mode() {
    let (breaker, _) = breaker();
    let handle = breaker.clone();
    breaker.on_event(move |_| _ = handle.reload(&settings(7)).unwrap());
    breaker.reload(&Settings { mode: Some(Mode::Disabled), ..settings(4) }).unwrap();
    assert_eq!(breaker.settings(), settings(7));
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn the_backoff_goes_on() {
    let clock = PausedClock::new();
    let backoff = Some(microbreaker_std::settings::Backoff { factor: 2.0, max: 80 * SECOND });
    let of = |failures| Settings { backoff, ..settings(failures) };
    let builder = Breaker::builder("users").settings(of(3)).clock(clock.clone());
    let breaker = builder.build().unwrap();
    breaker.trip();
    clock.advance(10 * SECOND);
    fail(&breaker);
    assert_eq!(breaker.snapshot().retry_after, Some(20 * SECOND));
    breaker.reload(&of(4)).unwrap();
    assert_eq!(breaker.snapshot().backoff_level, 1);
    clock.advance(20 * SECOND);
    fail(&breaker);
    assert_eq!(breaker.snapshot().retry_after, Some(40 * SECOND));
}

#[test]
fn probes_that_are_out_keep_their_places_and_decide() {
    let (breaker, clock) = breaker();
    let probes = |failures| Settings { probes: Some(2), successes: Some(2), ..settings(failures) };
    breaker.reload(&probes(3)).unwrap();
    breaker.trip();
    clock.advance(10 * SECOND);
    let permits = [breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap()];
    breaker.reload(&probes(4)).unwrap();
    assert!(breaker.try_acquire().is_err(), "all places are taken");
    permits.into_iter().for_each(|permit| permit.success());
    assert_eq!(breaker.phase(), Phase::Closed);
}

/// Three of five probes have succeeded when two are enough: no other probe must be needed
/// to notice.
#[test]
fn half_open_does_not_wait_for_probes_that_it_would_refuse() {
    let (breaker, clock) = breaker();
    let probes = |probes| Settings { probes: Some(probes), ..settings(3) };
    breaker.reload(&probes(5)).unwrap();
    breaker.trip();
    clock.advance(10 * SECOND);
    (0..3).for_each(|_| breaker.try_acquire().unwrap().success());
    let reloaded = breaker.reload(&probes(2)).unwrap();
    assert_eq!(reloaded.to_string(), "changed, still half_open; forgot 3 calls");
    (0..2).for_each(|_| breaker.try_acquire().unwrap().success());
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn an_opening_that_was_demanded_keeps_its_length_to_the_tick() {
    let (breaker, clock) = breaker();
    let demanded = Duration::from_millis(12_345_679);
    breaker.try_acquire().unwrap().finish(Outcome::FailureOpenFor(demanded));
    clock.advance(SECOND);
    for failures in [4, 5] {
        breaker.reload(&settings(failures)).unwrap();
        assert_eq!(breaker.snapshot().retry_after, Some(demanded - SECOND));
        assert_eq!(breaker.snapshot().in_phase_for, SECOND);
    }
}

#[test]
fn an_open_breaker_stays_open_as_long_as_it_would_have() {
    let (breaker, clock) = breaker();
    breaker.trip();
    clock.advance(4 * SECOND);
    let reloaded = breaker.reload(&settings(4)).unwrap();
    assert_eq!(reloaded.to_string(), "changed, still open for another 6s; forgot 0 calls");
    assert_eq!(breaker.snapshot().retry_after, Some(6 * SECOND));
    clock.advance(6 * SECOND);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
}

#[test]
fn every_phase_is_kept() {
    let (breaker, clock) = breaker();
    let mut failures = 3;
    let mut reload = || {
        failures += 1;
        breaker.reload(&settings(failures)).unwrap();
        breaker.phase()
    };
    let enter: [(Phase, &dyn Fn()); 6] = [
        (Phase::Closed, &|| breaker.reset()),
        (Phase::Disabled, &|| breaker.disable()),
        (Phase::MetricsOnly, &|| breaker.metrics_only()),
        (Phase::ForcedOpen, &|| breaker.force_open()),
        (Phase::Open, &|| breaker.trip()),
        (Phase::HalfOpen, &|| clock.advance(10 * SECOND)),
    ];
    for (phase, enter) in enter {
        enter();
        assert_eq!(breaker.phase(), phase);
        assert_eq!(reload(), phase);
    }
    breaker.call(|| Ok::<_, ()>(())).unwrap();
    assert_eq!(breaker.phase(), Phase::Closed, "the probe decides");
}

#[test]
fn calls_under_way_count_when_they_end() {
    let (breaker, _) = breaker();
    let stale = breaker.try_acquire().unwrap();
    breaker.reset();
    let failing = breaker.try_acquire().unwrap();
    let demanding = breaker.try_acquire().unwrap();
    for failures in [4, 5, 2] {
        breaker.reload(&settings(failures)).unwrap();
    }
    stale.failure();
    assert_eq!(breaker.snapshot().consecutive_failures, 0);
    failing.failure();
    assert_eq!(breaker.snapshot().consecutive_failures, 1);
    demanding.finish(Outcome::FailureOpenFor(SECOND));
    assert_eq!(breaker.snapshot().retry_after, Some(SECOND));
}

/// Nobody knows when such a call began.
#[test]
fn a_call_is_not_slow_that_began_before_calls_were_timed() {
    let (breaker, clock) = breaker();
    clock.advance(3_600 * SECOND);
    let permit = breaker.try_acquire().unwrap();
    let slow = Settings { slow_rate: Some(1), slow_after: Some(SECOND), ..settings(3) };
    breaker.reload(&slow).unwrap();
    permit.success();
    assert_eq!(breaker.snapshot().tally.slow, 0);
}

/// It remembers no engine by then, whether or not it has called before.
#[test]
fn a_thread_that_ends_calls_through_the_engine_in_use() {
    struct CallsWhenDropped(Breaker);

    impl Drop for CallsWhenDropped {
        fn drop(&mut self) {
            self.0.call(|| Ok::<_, ()>(())).unwrap();
        }
    }

    thread_local!(static LAST: RefCell<Vec<CallsWhenDropped>> = const { RefCell::new(Vec::new()) });

    for before in [0, 1, 2] {
        let (breaker, _) = breaker();
        breaker.reload(&settings(4)).unwrap();
        let of_thread = breaker.clone();
        let thread = std::thread::spawn(move || {
            // Destroyed last, because it is oldest.
            LAST.with_borrow_mut(|last| last.push(CallsWhenDropped(of_thread.clone())));
            for _ in 0..before {
                of_thread.call(|| Ok::<_, ()>(())).unwrap();
            }
        });
        thread.join().unwrap();
        assert_eq!(breaker.snapshot().tally.calls, before + 1);
    }
}

/// A thread that has not called for long knows an engine of another time.
#[test]
fn a_permit_ends_on_a_thread_that_knows_an_older_engine() {
    let (breaker, _) = breaker();
    breaker.call(|| Ok::<_, ()>(())).unwrap();
    let elsewhere = breaker.clone();
    let permit = std::thread::spawn(move || {
        elsewhere.reload(&settings(4)).unwrap();
        elsewhere.reset();
        elsewhere.try_acquire_owned().unwrap()
    });
    permit.join().unwrap().failure();
    assert_eq!(breaker.snapshot().consecutive_failures, 1);
}

#[test]
fn a_command_on_a_thread_that_knows_an_older_engine_holds() {
    type Commands = [(Phase, fn(&Breaker)); 3];
    let commands: Commands = [
        (Phase::Open, Breaker::trip),
        (Phase::ForcedOpen, Breaker::force_open),
        (Phase::HalfOpen, |breaker| breaker.half_open().unwrap()),
    ];
    for (phase, command) in commands {
        let (breaker, _) = breaker();
        if phase == Phase::HalfOpen {
            breaker.force_open();
        }
        let known = breaker.phase();
        breaker.reload(&settings(4)).unwrap();
        command(&breaker);
        assert_eq!(breaker.phase(), phase, "from {known}");
    }
}

#[test]
fn a_call_inside_a_call_finds_new_settings() {
    let (breaker, _) = breaker();
    breaker.call(|| Ok::<_, ()>(())).unwrap();
    let outer: Result<(), _> = breaker.call(|| {
        breaker.reload(&settings(1)).unwrap();
        breaker.call(|| Ok::<_, ()>(())).unwrap();
        Err("no answer")
    });
    assert!(outer.is_err());
    assert_eq!(breaker.phase(), Phase::Open, "by the new settings");
}

#[test]
fn invalid_settings_change_nothing() {
    let (breaker, _) = breaker();
    fail(&breaker);
    let error = breaker.reload(&settings(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "circuit breaker \"users\": consecutive_failures is 0, but must be 1 to 255"
    );
    assert_eq!(breaker.settings(), &settings(3));
    assert_eq!(breaker.snapshot().tally.calls, 1);
}

#[test]
fn each_of_many_reloads_starts_afresh() {
    let (breaker, _) = breaker();
    for _ in 0..3 {
        for failures in [2, 1] {
            breaker.reload(&settings(failures)).unwrap();
            for left in (0..failures).rev() {
                fail(&breaker);
                assert_eq!(breaker.phase() == Phase::Open, left == 0);
            }
            breaker.reset();
        }
    }
}

#[test]
fn a_reload_is_not_reported_as_a_transition() {
    let (breaker, _) = breaker();
    breaker.trip();
    let told = Arc::new(AtomicU32::new(0));
    let count = told.clone();
    breaker.on_event(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    breaker.reload(&settings(4)).unwrap();
    assert_eq!(told.load(Ordering::Relaxed), 0);
    breaker.reset();
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

/// While its settings change, an open breaker stays open for every caller, and a closed
/// one stays closed.
#[test]
fn callers_on_other_threads_see_no_gap() {
    for open in [true, false] {
        let (breaker, _) = breaker();
        if open {
            breaker.trip();
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let caller = scope.spawn(|| {
                let mut calls = 0_u32;
                while !done.load(Ordering::Relaxed) || calls < 1_000 {
                    assert_eq!(breaker.call(|| Ok::<_, ()>(())).is_err(), open);
                    assert_eq!(breaker.try_acquire().is_err(), open);
                    let phase = if open { Phase::Open } else { Phase::Closed };
                    assert_eq!((breaker.phase(), breaker.snapshot().phase), (phase, phase));
                    calls += 1;
                }
            });
            for round in 0..30_000 {
                breaker.reload(&settings(3 + round % 2)).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            caller.join().unwrap();
        });
    }
}

/// Runs a hook at one of its readings.
#[derive(Clone, Default)]
struct Hooked(Arc<Hook>);

type Action = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Hook {
    now: AtomicU32,
    reads_left: AtomicU32,
    action: Mutex<Option<Action>>,
}

impl Hooked {
    /// Lets another thread run `action` at reading number `read`, from 1, and wait for it.
    fn at(&self, read: u32, action: impl FnOnce() + Send + 'static) {
        *self.0.action.lock().unwrap() = Some(Box::new(action));
        self.0.reads_left.store(read, Ordering::Relaxed);
    }

    /// Whether the hook has been run.
    fn is_done(&self) -> bool {
        self.0.reads_left.store(0, Ordering::Relaxed);
        self.0.action.lock().unwrap().take().is_none()
    }
}

impl Clock for Hooked {
    fn now(&self) -> u32 {
        let left = self.0.reads_left.load(Ordering::Relaxed);
        if left > 0 {
            self.0.reads_left.store(left - 1, Ordering::Relaxed);
            if left == 1 {
                let action = self.0.action.lock().unwrap().take().unwrap();
                std::thread::spawn(action).join().unwrap();
            }
        }
        self.0.now.load(Ordering::Relaxed)
    }
}

/// Lets another thread act on a breaker at each reading of the clock by a reload, in turn.
/// `prepare` makes ready for it.
fn beside_a_reload<P: Send + 'static>(
    prepare: impl Fn(&Breaker) -> P,
    act: impl Fn(&Breaker, P) + Send + Sync + Copy + 'static,
    check: impl Fn(&Breaker),
) {
    for read in 1.. {
        let clock = Hooked::default();
        let builder = Breaker::builder("users").settings(settings(3)).clock(clock.clone());
        let breaker = builder.build().unwrap();
        let prepared = prepare(&breaker);
        let other = breaker.clone();
        clock.at(read, move || act(&other, prepared));
        breaker.reload(&settings(4)).unwrap();
        if !clock.is_done() {
            assert!(read > 2, "a reload reads the clock before and after what it hands over");
            return;
        }
        assert_eq!(breaker.settings(), settings(4));
        check(&breaker);
    }
}

#[test]
fn a_command_at_any_moment_of_a_reload_holds() {
    type Commands = [(Phase, fn(&Breaker)); 5];
    let commands: Commands = [
        (Phase::ForcedOpen, Breaker::force_open),
        (Phase::Disabled, Breaker::disable),
        (Phase::MetricsOnly, Breaker::metrics_only),
        (Phase::Open, Breaker::trip),
        (Phase::Closed, Breaker::reset),
    ];
    for (phase, command) in commands {
        let before = if phase == Phase::Closed { Breaker::force_open } else { Breaker::reset };
        beside_a_reload(before, move |b, ()| command(b), |b| assert_eq!(b.phase(), phase));
    }
}

#[test]
fn readers_at_any_moment_of_a_reload_see_the_phase_that_holds() {
    for open in [true, false] {
        let phase = if open { Phase::Open } else { Phase::Closed };
        let prepare = move |b: &Breaker| {
            if open {
                b.trip();
            }
            b.on_event(move |event| assert_eq!(event.snapshot.phase, Phase::ForcedOpen));
        };
        let read = move |b: &Breaker, ()| {
            assert_eq!((b.phase(), b.snapshot().phase), (phase, phase));
            assert_eq!(b.try_acquire().is_err(), open);
        };
        beside_a_reload(prepare, read, |b| assert_eq!(b.phase(), phase));
    }
}

#[test]
fn a_demand_at_any_moment_of_a_reload_is_honoured() {
    beside_a_reload(
        |b| b.try_acquire_owned().unwrap(),
        |_, permit| permit.finish(Outcome::FailureOpenFor(77 * SECOND)),
        |b| assert_eq!(b.snapshot().retry_after, Some(77 * SECOND)),
    );
}

#[test]
fn a_failure_at_any_moment_of_a_reload_counts_once() {
    beside_a_reload(
        |b| b.try_acquire_owned().unwrap(),
        |_, permit| permit.failure(),
        |b| {
            assert_eq!(b.snapshot().consecutive_failures, 1);
            assert_eq!((b.snapshot().tally.calls, b.snapshot().tally.failed), (1, 1));
        },
    );
}

#[test]
fn a_trip_at_any_moment_of_a_reload_is_told_once_and_kept() {
    let told = Arc::new(AtomicU32::new(0));
    let heard = told.clone();
    beside_a_reload(
        move |b| {
            fail(b);
            fail(b);
            heard.store(0, Ordering::Relaxed);
            let heard = heard.clone();
            b.on_event(move |event| {
                assert_eq!(event.snapshot.phase, Phase::Open);
                heard.fetch_add(1, Ordering::Relaxed);
            });
        },
        |b, ()| fail(b),
        move |b| {
            // By the old settings, before the reload.
            assert_eq!(b.phase(), Phase::Open);
            assert_eq!(told.load(Ordering::Relaxed), 1);
        },
    );
}
