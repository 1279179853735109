//! A health check that probes in place of users' calls.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_std::settings::{Abandoned, Ramp};
use microbreaker_std::{Breaker, Builder, Clock, EventKind, Phase};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// The clock of tokio, which is paused.
struct Tokio(Instant);

impl Clock for Tokio {
    fn now(&self) -> u32 {
        self.0.elapsed().as_millis() as u32
    }
}

/// Trips at the first failure, for 30 seconds.
fn builder() -> Builder {
    let builder = Breaker::builder("users").consecutive_failures(1).open_for(30 * SECOND);
    builder.clock(Tokio(Instant::now()))
}

/// A check that takes a second, and can be told to fail.
#[derive(Clone, Default)]
struct Check {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    /// How many more are to fail.
    failing: Arc<AtomicUsize>,
    timers: Arc<AtomicUsize>,
}

impl Check {
    fn failing(count: usize) -> Self {
        Self { failing: Arc::new(count.into()), ..Self::default() }
    }

    async fn run(self, takes: Duration) -> Result<(), ()> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        sleep(takes).await;
        self.ended.fetch_add(1, Ordering::Relaxed);
        let less = |count: usize| count.checked_sub(1);
        match self.failing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
            Ok(_) => Err(()),
            Err(_) => Ok(()),
        }
    }

    fn spawn(&self, breaker: &Breaker) -> JoinHandle<()> {
        self.spawn_taking(breaker, SECOND)
    }

    fn spawn_taking(&self, breaker: &Breaker, takes: Duration) -> JoinHandle<()> {
        let (check, breaker) = (self.clone(), breaker.clone());
        let timers = self.timers.clone();
        let timer = move |time| {
            timers.fetch_add(1, Ordering::Relaxed);
            sleep(time)
        };
        tokio::spawn(async move { breaker.probe_with(timer, || check.clone().run(takes)).await })
    }

    /// How many have begun and ended.
    fn counts(&self) -> (usize, usize) {
        (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed))
    }
}

/// Lets every task run that can.
async fn settle() {
    sleep(Duration::from_millis(2)).await;
}

fn admits(breaker: &Breaker) -> bool {
    breaker.try_acquire().map(|permit| permit.ignore()).is_ok()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn the_check_probes_and_users_are_refused_until_it_has_closed() {
    let breaker = builder().build().unwrap();
    let check = Check::default();
    let _task = check.spawn(&breaker);
    sleep(100 * SECOND).await;
    assert!(admits(&breaker) && check.counts() == (0, 0), "there is nothing to check");

    breaker.trip();
    sleep(30 * SECOND - Duration::from_millis(1)).await;
    assert!(!admits(&breaker) && check.counts() == (0, 0));
    settle().await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::HalfOpen, (1, 0)));
    for _ in 0..9 {
        assert!(!admits(&breaker));
        sleep(SECOND / 10).await;
    }
    sleep(SECOND / 10).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::Closed, (1, 1)));
    assert!(admits(&breaker));
    sleep(100 * SECOND).await;
    assert_eq!(check.counts(), (1, 1));
}

/// Not even in the moment in which an opening is over and the check was not yet polled.
#[tokio::test(start_paused = true)]
async fn no_users_call_is_a_probe_at_any_moment() {
    let breaker = builder().build().unwrap();
    let check = Check::default();
    let mut probing = pin!(breaker.probe_with(sleep, || check.clone().run(SECOND)));
    assert!(poll_once(probing.as_mut()).is_pending());
    breaker.trip();
    sleep(31 * SECOND).await;
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    assert!(!admits(&breaker));
    assert!(poll_once(probing.as_mut()).is_pending());
    assert!(!admits(&breaker));
    assert_eq!(check.counts(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_reopens_and_checks_go_on() {
    let breaker = builder().backoff(2, 120 * SECOND).build().unwrap();
    let check = Check::failing(2);
    let _task = check.spawn(&breaker);
    settle().await;
    breaker.trip();
    sleep(31 * SECOND + SECOND / 10).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::Open, (1, 1)));
    sleep(61 * SECOND).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::Open, (2, 2)));
    sleep(121 * SECOND).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::Closed, (3, 3)));
}

#[tokio::test(start_paused = true)]
async fn as_many_checks_are_made_as_it_takes_one_after_the_other() {
    let breaker = builder().probes(5).successes(3).build().unwrap();
    let check = Check::default();
    let _task = check.spawn(&breaker);
    settle().await;
    breaker.trip();
    sleep(32 * SECOND + SECOND / 2).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::HalfOpen, (3, 2)));
    assert!(!admits(&breaker));
    sleep(SECOND).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::Closed, (3, 3)));
}

#[tokio::test(start_paused = true)]
async fn once_the_future_is_dropped_users_probe_again() {
    let breaker = builder().build().unwrap();
    let check = Check::default();
    let task = check.spawn(&breaker);
    settle().await;
    breaker.trip();
    sleep(30 * SECOND + SECOND / 2).await;
    assert!(!admits(&breaker) && check.counts() == (1, 0));
    task.abort();
    settle().await;
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    breaker.try_acquire().expect("the probe was handed back").success();
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_go_when_the_check_has_closed() {
    let breaker = builder().build().unwrap();
    let check = Check::default();
    let task = check.spawn(&breaker);
    settle().await;
    breaker.trip();
    let waiting = |is_ready: bool| {
        let breaker = breaker.clone();
        tokio::spawn(async move {
            if is_ready {
                breaker.ready(sleep).await;
            } else {
                breaker.acquire(sleep).await.success();
            }
            breaker.phase()
        })
    };
    let (acquired, ready) = (waiting(false), waiting(true));
    sleep(30 * SECOND + SECOND / 2).await;
    let late = waiting(true);
    settle().await;
    assert!(!acquired.is_finished() && !ready.is_finished() && !late.is_finished());
    assert_eq!(acquired.await.unwrap(), Phase::Closed);
    assert_eq!((ready.await.unwrap(), late.await.unwrap()), (Phase::Closed, Phase::Closed));
    assert_eq!(check.counts(), (1, 1));

    // Without a check, those who wait are the probes, and are told of it.
    breaker.trip();
    sleep(30 * SECOND + SECOND / 2).await;
    let acquired = waiting(false);
    settle().await;
    assert!(!acquired.is_finished());
    task.abort();
    settle().await;
    assert!(acquired.is_finished() && breaker.phase() == Phase::Closed);
    assert_eq!(check.counts(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_goes_when_a_check_is_dropped_that_had_not_begun() {
    let breaker = builder().build().unwrap();
    let mut probing = Box::pin(breaker.probe_with(sleep, pending::<Result<(), ()>>));
    assert!(poll_once(probing.as_mut()).is_pending());
    breaker.trip();
    let waiting = tokio::spawn({
        let breaker = breaker.clone();
        async move { breaker.acquire(sleep).await.success() }
    });
    sleep(31 * SECOND).await;
    assert!(!waiting.is_finished());
    drop(probing);
    settle().await;
    assert!(waiting.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_is_dropped_when_the_probes_are_overdue() {
    let breaker = builder().probe_timeout(10 * SECOND).build().unwrap();
    let check = Check::default();
    let _task = check.spawn_taking(&breaker, 1_000 * SECOND);
    settle().await;
    breaker.trip();
    sleep(39 * SECOND).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::HalfOpen, (1, 0)));
    sleep(2 * SECOND).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::Open, (1, 0)));
    assert!(!admits(&breaker));
    sleep(30 * SECOND).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::HalfOpen, (2, 0)));
    assert!(check.timers.load(Ordering::Relaxed) < 9);
}

#[tokio::test(start_paused = true)]
async fn a_command_during_the_check_drops_it() {
    let breaker = builder().build().unwrap();
    let check = Check::default();
    let _task = check.spawn(&breaker);
    settle().await;
    breaker.trip();
    sleep(30 * SECOND + SECOND / 2).await;
    assert_eq!(check.counts(), (1, 0));
    breaker.reset();
    assert!(admits(&breaker));
    breaker.force_open();
    sleep(100 * SECOND).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::ForcedOpen, (1, 0)));
    breaker.disable();
    sleep(100 * SECOND).await;
    assert_eq!(check.counts(), (1, 0));
    breaker.trip();
    breaker.half_open().unwrap();
    assert!(!admits(&breaker));
    sleep(SECOND + SECOND / 2).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::Closed, (2, 1)));
}

#[tokio::test(start_paused = true)]
async fn of_two_checks_the_second_stands_by() {
    let breaker = builder().probes(2).build().unwrap();
    let (first, second) = (Check::default(), Check::default());
    let task = first.spawn(&breaker);
    settle().await;
    let _task = second.spawn(&breaker);
    settle().await;
    breaker.trip();
    sleep(30 * SECOND + SECOND / 2).await;
    assert_eq!((first.counts(), second.counts()), ((1, 0), (0, 0)));
    task.abort();
    settle().await;
    assert_eq!((first.counts(), second.counts()), ((1, 0), (1, 0)));
    assert!(!admits(&breaker));
    sleep(2 * SECOND).await;
    assert_eq!((breaker.phase(), second.counts()), (Phase::Closed, (2, 2)), "two must succeed");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_has_failed_and_users_probe_again() {
    let breaker = builder().build().unwrap();
    breaker.trip();
    sleep(30 * SECOND).await;
    let panics =
        || async { if admits(&breaker) { Ok::<_, ()>(()) } else { panic!("for a reason") } };
    let mut probing = Box::pin(breaker.probe_with(sleep, panics));
    let polled = catch_unwind(AssertUnwindSafe(|| _ = poll_once(probing.as_mut())));
    assert!(polled.is_err());
    drop(probing);
    assert_eq!(breaker.phase(), Phase::Open);
    sleep(30 * SECOND).await;
    assert!(admits(&breaker));
}

#[tokio::test(start_paused = true)]
async fn a_users_call_that_probes_already_counts() {
    let breaker = builder().build().unwrap();
    breaker.trip();
    sleep(30 * SECOND).await;
    let probe = breaker.try_acquire().unwrap();
    let check = Check::default();
    let _task = check.spawn(&breaker);
    settle().await;
    assert_eq!(check.counts(), (0, 0), "the one probe is out");
    probe.failure();
    assert_eq!(breaker.phase(), Phase::Open);
    sleep(32 * SECOND).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::Closed, (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn users_calls_climb_the_ramp() {
    let ramp = Ramp { shares: vec![50], step: 10 * SECOND };
    let breaker = builder().ramp(ramp.shares, ramp.step).build().unwrap();
    let check = Check::default();
    let _task = check.spawn(&breaker);
    settle().await;
    breaker.trip();
    sleep(31 * SECOND + SECOND / 2).await;
    assert_eq!((breaker.phase(), check.counts()), (Phase::Closed, (1, 1)));
    let admitted = (0..10).filter(|_| admits(&breaker)).count();
    assert_eq!((admitted, check.counts()), (5, (1, 1)));
}

/// A check by hand that never ends.
#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_check() {
    let breaker = builder().build().unwrap();
    let hangs = || pending::<Result<(), ()>>();
    let mut probing = Box::pin(breaker.probe_with(sleep, hangs));
    assert!(poll_once(probing.as_mut()).is_pending());
    let mut settings = breaker.settings();
    settings.open_for = Some(SECOND);
    breaker.reload(&settings).unwrap();
    breaker.trip();
    sleep(SECOND).await;
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    assert!(!admits(&breaker));
    drop(probing);
    assert!(admits(&breaker));
}

/// It runs on the thread that asks for the check.
#[tokio::test(start_paused = true)]
async fn a_listener_that_asks_is_no_check() {
    let breaker = builder().probes(2).build().unwrap();
    let admitted = Arc::new(Mutex::new(Vec::new()));
    let (user, told) = (breaker.clone(), admitted.clone());
    breaker.on_event(move |event| {
        if matches!(event.kind, EventKind::Transition { to: Phase::HalfOpen, .. }) {
            told.lock().unwrap().push(admits(&user));
        }
    });
    let check = Check::default();
    let _task = check.spawn(&breaker);
    settle().await;
    breaker.trip();
    sleep(35 * SECOND).await;
    assert_eq!(*admitted.lock().unwrap(), [false]);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_dropped_says_nothing_whatever_abandoned_calls_count_as() {
    let breaker = builder().abandoned(Abandoned::Failed).no_probe_timeout().build().unwrap();
    let checked = breaker.clone();
    let never = pending::<Result<(), ()>>;
    let task = tokio::spawn(async move { checked.probe_with(sleep, never).await });
    settle().await;
    breaker.trip();
    sleep(31 * SECOND).await;
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    task.abort();
    settle().await;
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    assert!(admits(&breaker));
}
