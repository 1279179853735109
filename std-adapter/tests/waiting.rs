//! Waiting for a breaker that refuses.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::{AfterProbeTimeout, Ramp};
use microbreaker_std::{Breaker, Builder, Clock, Permit, Phase};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const CROWD: usize = 10_000;

/// The clock of tokio, which is paused.
struct Tokio(Instant);

impl Clock for Tokio {
    fn now(&self) -> u32 {
        self.0.elapsed().as_millis() as u32
    }
}

/// Trips at the first failure, for 30 seconds.
fn builder() -> Builder {
    Breaker::builder("users")
        .consecutive_failures(1)
        .open_for(30 * SECOND)
        .clock(Tokio(Instant::now()))
}

/// A crowd that waits, and what became of it.
#[derive(Clone, Default)]
struct Crowd {
    /// How many timers were set.
    timers: Arc<AtomicUsize>,
    /// Who was let go, in that order.
    gone: Arc<Mutex<Vec<usize>>>,
}

impl Crowd {
    fn timer(&self) -> impl FnMut(Duration) -> tokio::time::Sleep + use<> {
        let timers = self.timers.clone();
        move |time| {
            timers.fetch_add(1, Ordering::Relaxed);
            sleep(time)
        }
    }

    /// The next in the queue waits for a permit, and holds it for `work`.
    fn acquire(&self, breaker: &Breaker, number: usize, work: Duration) -> JoinHandle<()> {
        let (crowd, breaker) = (self.clone(), breaker.clone());
        tokio::spawn(async move {
            let permit = breaker.acquire(crowd.timer()).await;
            crowd.gone.lock().unwrap().push(number);
            sleep(work).await;
            permit.success();
        })
    }

    /// The next in the queue waits until a call would be admitted, and makes it.
    fn ready(&self, breaker: &Breaker, number: usize, work: Duration) -> JoinHandle<()> {
        let (crowd, breaker) = (self.clone(), breaker.clone());
        tokio::spawn(async move {
            breaker.ready(crowd.timer()).await;
            crowd.gone.lock().unwrap().push(number);
            let call = async {
                sleep(work).await;
                Ok::<_, ()>(())
            };
            breaker.call_async(call).await.expect("there is room");
        })
    }

    fn gone(&self) -> usize {
        self.gone.lock().unwrap().len()
    }

    fn timers(&self) -> usize {
        self.timers.load(Ordering::Relaxed)
    }

    #[track_caller]
    fn assert_in_order(&self, count: usize) {
        assert_eq!(*self.gone.lock().unwrap(), (0..count).collect::<Vec<_>>());
    }
}

/// Lets every task run that can.
async fn settle() {
    // The paused clock moves on only when no task can run.
    sleep(Duration::from_millis(2)).await;
}

/// A future that is polled by hand.
struct Polled<F>(Pin<Box<F>>);

impl<F: Future> Polled<F> {
    /// Polls it once; it must wait.
    fn new(future: F) -> Self {
        let mut polled = Self(Box::pin(future));
        assert!(polled.get().is_none(), "it does not wait");
        polled
    }

    fn get(&mut self) -> Option<F::Output> {
        match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

/// A timer that never goes off.
fn never(_: Duration) -> impl Future {
    pending::<()>()
}

/// A breaker whose clock stands still, and that clock.
fn standing_still(build: impl FnOnce(Builder) -> Builder) -> (Breaker, PausedClock) {
    let clock = PausedClock::new();
    (build(builder()).clock(clock.clone()).build().unwrap(), clock)
}

/// Also when the breaker has room for all.
#[test]
fn who_comes_later_is_let_go_after_those_who_wait() {
    let (breaker, _) = standing_still(|builder| builder);
    breaker.trip();
    let mut first = Polled::new(breaker.ready(never));
    breaker.reset();
    let mut second = Polled::new(breaker.ready(never));
    first.get().expect("there is room");
    second.get().expect("it is the next");
}

#[cfg(feature = "counts")]
#[tokio::test(start_paused = true)]
async fn five_minutes_of_waiting_are_no_rejection() {
    let events = Arc::new(AtomicUsize::new(0));
    let told = events.clone();
    let breaker = builder().on_event(move |_| _ = told.fetch_add(1, Ordering::Relaxed));
    let breaker = breaker.open_for(300 * SECOND).build().unwrap();
    breaker.trip();
    let crowd = Crowd::default();
    breaker.ready(crowd.timer()).await;
    assert_eq!(breaker.counts().rejections, 0);
    let probe = breaker.acquire(crowd.timer()).await;
    // There is no room beside the probe, whose deadline passes.
    drop(breaker.acquire(crowd.timer()).await);
    probe.ignore();
    assert_eq!((breaker.counts().rejections, crowd.timers()), (0, 3));
    assert_eq!(events.load(Ordering::Relaxed), 4, "open, half-open, open, half-open");
}

#[cfg(feature = "counts")]
#[tokio::test(start_paused = true)]
async fn ready_takes_and_counts_nothing() {
    let breaker = builder().build().unwrap();
    breaker.trip();
    let before = breaker.counts();
    breaker.ready(sleep).await;
    assert_eq!(breaker.counts(), before);
    assert!(breaker.try_acquire().is_ok(), "the probe is there");
}

#[tokio::test(start_paused = true)]
async fn as_many_of_a_crowd_get_permits_as_there_are_probes_and_then_the_rest() {
    let breaker = builder().probes(3).build().unwrap();
    breaker.trip();
    let crowd = Crowd::default();
    let tasks: Vec<_> = (0..CROWD).map(|i| crowd.acquire(&breaker, i, SECOND)).collect();
    settle().await;
    assert_eq!((breaker.waiting(), crowd.timers()), (CROWD, 1));
    sleep(29 * SECOND).await;
    assert_eq!(crowd.gone(), 0);
    sleep(SECOND).await;
    assert_eq!(crowd.gone(), 3);
    sleep(SECOND / 2).await;
    assert_eq!((crowd.gone(), breaker.phase()), (3, Phase::HalfOpen));
    sleep(SECOND).await;
    assert_eq!((crowd.gone(), breaker.phase()), (CROWD, Phase::Closed));
    crowd.assert_in_order(CROWD);
    for task in tasks {
        task.await.unwrap();
    }
    assert!(crowd.timers() < 10, "{} timers", crowd.timers());
    assert_eq!(breaker.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn as_many_of_a_crowd_are_ready_as_there_are_probes_and_then_the_rest() {
    let breaker = builder().probes(3).build().unwrap();
    breaker.trip();
    let crowd = Crowd::default();
    let tasks: Vec<_> = (0..CROWD).map(|i| crowd.ready(&breaker, i, SECOND)).collect();
    sleep(30 * SECOND).await;
    settle().await;
    assert_eq!(crowd.gone(), 3);
    sleep(SECOND).await;
    assert_eq!((crowd.gone(), breaker.phase()), (CROWD, Phase::Closed));
    crowd.assert_in_order(CROWD);
    for task in tasks {
        task.await.unwrap();
    }
    assert!(crowd.timers() < 10, "{} timers", crowd.timers());
}

#[tokio::test(start_paused = true)]
async fn a_place_is_kept_for_a_second_for_those_who_were_let_go() {
    let breaker = builder().probes(2).build().unwrap();
    breaker.trip();
    let crowd = Crowd::default();
    for number in 0..6 {
        let (crowd, breaker) = (crowd.clone(), breaker.clone());
        tokio::spawn(async move {
            breaker.ready(crowd.timer()).await;
            crowd.gone.lock().unwrap().push(number);
            // And has nothing to call for.
        });
    }
    sleep(30 * SECOND).await;
    settle().await;
    assert_eq!(crowd.gone(), 2);
    let permit = timeout(SECOND / 2, breaker.acquire(sleep)).await;
    assert!(permit.is_err(), "those who wait stay in the queue");
    sleep(SECOND).await;
    assert_eq!(crowd.gone(), 4, "nobody who was let go has called");
    sleep(SECOND).await;
    crowd.assert_in_order(6);
    assert!(breaker.acquire(sleep).await.breaker().phase() == Phase::HalfOpen);
}

#[test]
fn who_was_let_go_finds_its_place_free() {
    let (breaker, clock) = standing_still(|builder| builder.probes(2));
    breaker.trip();
    let (mut a, mut b) = (Polled::new(breaker.ready(never)), Polled::new(breaker.acquire(never)));
    let mut c = Polled::new(breaker.acquire(never));
    clock.advance(30 * SECOND);
    // Only a timer wakes the first, and here there is none that does.
    breaker.half_open().unwrap();
    assert!(a.get().is_some());
    let b = b.get();
    assert!(b.is_some());
    assert!(c.get().is_none(), "the second place is that of the one that was let go");
    let a = breaker.try_acquire().expect("it is");
    assert!(c.get().is_none());
    a.ignore();
    assert!(c.get().is_some(), "the probe was handed back");
}

#[test]
fn the_first_that_is_dropped_hands_on() {
    let (breaker, _) = standing_still(|builder| builder);
    breaker.force_open();
    let [a, mut b, c, mut d] = [(); 4].map(|()| Polled::new(breaker.acquire(never)));
    assert_eq!(breaker.waiting(), 4);
    drop(c);
    breaker.trip();
    breaker.half_open().unwrap();
    // It has been woken by now, but did not get to run.
    drop(a);
    assert_eq!(breaker.waiting(), 2);
    let probe = b.get().expect("it is the first now");
    assert!(d.get().is_none(), "there is one probe");
    probe.ignore();
    assert!(d.get().is_some());
}

#[tokio::test(start_paused = true)]
async fn commands_wake_those_who_wait() {
    let commands: [fn(&Breaker); 3] = [Breaker::reset, Breaker::disable, Breaker::metrics_only];
    for command in commands {
        let breaker = builder().build().unwrap();
        breaker.force_open();
        let crowd = Crowd::default();
        for number in 0..3 {
            crowd.acquire(&breaker, number, SECOND);
        }
        sleep(3_600 * SECOND).await;
        breaker.trip();
        settle().await;
        assert_eq!((crowd.gone(), crowd.timers()), (0, 1), "none while it was forced open");
        breaker.force_open();
        sleep(3_600 * SECOND).await;
        assert_eq!(crowd.gone(), 0);
        command(&breaker);
        settle().await;
        crowd.assert_in_order(3);
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_is_changed_ends_when_it_says() {
    let breaker = builder().build().unwrap();
    let begin = Instant::now();
    breaker.trip();
    let waiter = async {
        breaker.ready(sleep).await;
        begin.elapsed()
    };
    let operator = async {
        yield_now().await;
        breaker.trip_for(5 * SECOND);
        // A new opening is no transition, but ends sooner.
        sleep(SECOND).await;
        breaker.trip_for(SECOND);
    };
    let (waited, ()) = tokio::join!(waiter, operator);
    assert_eq!(waited.as_secs(), 2);

    // And one that ends later.
    breaker.trip_for(SECOND);
    let begin = Instant::now();
    let waiter = async {
        breaker.ready(sleep).await;
        begin.elapsed()
    };
    let operator = async {
        yield_now().await;
        breaker.trip_for(5 * SECOND);
    };
    let (waited, ()) = tokio::join!(waiter, operator);
    assert_eq!(waited.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn probes_that_do_not_come_back_are_waited_for_until_their_deadline() {
    let breaker = builder().probe_timeout(7 * SECOND).build().unwrap();
    breaker.trip();
    let lost = breaker.acquire(sleep).await;
    let begin = Instant::now();
    breaker.acquire(sleep).await.success();
    assert_eq!(begin.elapsed().as_secs(), 7 + 30, "the deadline, and another opening");
    drop(lost);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_ends_wakes_the_next() {
    let builder = builder().no_probe_timeout();
    let breaker = builder.probes(1).reuse_probes_until(3).successes(3).build().unwrap();
    breaker.trip();
    let crowd = Crowd::default();
    for number in 0..5 {
        crowd.acquire(&breaker, number, SECOND);
    }
    sleep(30 * SECOND).await;
    settle().await;
    assert_eq!(crowd.gone(), 1);
    sleep(SECOND).await;
    assert_eq!((crowd.gone(), breaker.phase()), (2, Phase::HalfOpen));
    sleep(SECOND).await;
    assert_eq!((crowd.gone(), breaker.phase()), (3, Phase::HalfOpen));
    sleep(SECOND).await;
    assert_eq!((crowd.gone(), breaker.phase()), (5, Phase::Closed));
    crowd.assert_in_order(5);
    assert_eq!(crowd.timers(), 1, "the end of a probe needs none");
}

/// A breaker that has just closed, and admits 10, 50 and then 100 percent, ten seconds each.
fn on_a_ramp() -> Breaker {
    let ramp = Ramp { shares: vec![10, 50], step: 10 * SECOND };
    let breaker = builder().ramp(ramp.shares, ramp.step).build().unwrap();
    breaker.trip();
    breaker.half_open().unwrap();
    breaker
}

#[tokio::test(start_paused = true)]
async fn a_ramp_admits_its_share_of_a_crowd_at_each_step() {
    let breaker = on_a_ramp();
    let crowd = Crowd::default();
    for number in 0..=CROWD {
        // The first is the probe, which closes the breaker.
        crowd.acquire(&breaker, number, Duration::ZERO);
    }
    settle().await;
    assert_eq!(crowd.gone(), 1 + 1_000);
    sleep(9 * SECOND).await;
    assert_eq!(crowd.gone(), 1 + 1_000);
    sleep(SECOND).await;
    assert_eq!(crowd.gone(), 1 + 1_000 + 4_500, "half of those who are left");
    sleep(10 * SECOND).await;
    crowd.assert_in_order(1 + CROWD);
    assert!(crowd.timers() < 10, "{} timers", crowd.timers());
}

#[tokio::test(start_paused = true)]
async fn a_ramp_lets_its_share_of_a_crowd_go_at_each_step() {
    let breaker = on_a_ramp();
    let crowd = Crowd::default();
    for number in 0..=100 {
        crowd.ready(&breaker, number, Duration::ZERO);
    }
    settle().await;
    assert_eq!(crowd.gone(), 1 + 10);
    sleep(10 * SECOND).await;
    assert_eq!(crowd.gone(), 1 + 10 + 45);
    sleep(10 * SECOND).await;
    crowd.assert_in_order(101);
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_while_a_ramp_is_under_way_counts_as_a_call() {
    let breaker = builder().ramp([50, 50, 50], 10 * SECOND).build().unwrap();
    breaker.trip();
    breaker.half_open().unwrap();
    breaker.try_acquire().unwrap().success();
    let begin = Instant::now();
    // Every other call is admitted: that of the one that has come, or that of the next step.
    for seconds in [10, 20, 30, 30] {
        breaker.acquire(sleep).await.success();
        assert_eq!(begin.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_wait_takes_part_in_the_ramp_as_ever() {
    let breaker = builder().ramp([50], 10 * SECOND).build().unwrap();
    breaker.trip();
    breaker.half_open().unwrap();
    breaker.try_acquire().unwrap().success();
    assert!(breaker.try_acquire().is_err());
    let begin = Instant::now();
    breaker.acquire(sleep).await.success();
    assert_eq!(begin.elapsed(), Duration::ZERO, "the second of two is admitted");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_outlast_a_reload() {
    let breaker = builder().build().unwrap();
    breaker.force_open();
    let crowd = Crowd::default();
    for number in 0..4 {
        crowd.acquire(&breaker, number, SECOND);
    }
    settle().await;
    let mut settings = breaker.settings().clone();
    settings.probes = 2.into();
    breaker.reload(&settings).unwrap();
    settle().await;
    assert_eq!(crowd.gone(), 0);
    breaker.trip();
    settle().await;
    // The rest of the opening is kept.
    sleep(10 * SECOND).await;
    settings.probes = 3.into();
    breaker.reload(&settings).unwrap();
    sleep(19 * SECOND).await;
    assert_eq!(crowd.gone(), 0);
    sleep(SECOND).await;
    settle().await;
    assert_eq!(crowd.gone(), 3);
    sleep(SECOND).await;
    crowd.assert_in_order(4);
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_makes_room_wakes_the_next() {
    let breaker = builder().build().unwrap();
    breaker.trip();
    let crowd = Crowd::default();
    for number in 0..3 {
        crowd.acquire(&breaker, number, 20 * SECOND);
    }
    sleep(30 * SECOND).await;
    settle().await;
    assert_eq!(crowd.gone(), 1);
    let mut settings = breaker.settings().clone();
    settings.probes = 3.into();
    breaker.reload(&settings).unwrap();
    settle().await;
    crowd.assert_in_order(3);
}

#[test]
fn no_executor_is_needed() {
    let (breaker, clock) = standing_still(|builder| builder);
    breaker.trip();
    let advance = |time| {
        clock.advance(time);
        std::future::ready(())
    };
    let permit = pin!(breaker.acquire(advance));
    let Poll::Ready(permit) = permit.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for nothing but the timer")
    };
    Permit::success(permit);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_pauses_needs_no_caller_to_wake_it() {
    let breaker = builder().build().unwrap();
    let (jobs, mut queue) = tokio::sync::mpsc::channel(2);
    let producer = tokio::spawn(async move {
        for job in 0..6 {
            jobs.send(job).await.unwrap();
        }
    });
    let begin = Instant::now();
    let mut done = Vec::new();
    loop {
        breaker.ready(sleep).await;
        let Some(job) = queue.recv().await else { break };
        let failing = job == 2;
        let _ = breaker.call(|| if failing { Err(()) } else { Ok(()) });
        done.push((job, begin.elapsed().as_secs()));
    }
    assert_eq!(done, [(0, 0), (1, 0), (2, 0), (3, 30), (4, 30), (5, 30)]);
    producer.await.unwrap();
}

/// Nobody but those who wait comes by, so one of them must begin the ramp.
#[tokio::test(start_paused = true)]
async fn a_half_open_that_closes_by_its_deadline_lets_those_go_who_wait() {
    let breaker = builder()
        .probe_timeout(10 * SECOND)
        .after_probe_timeout(AfterProbeTimeout::Close)
        .ramp([10, 50], 60 * SECOND)
        .build()
        .unwrap();
    breaker.trip();
    sleep(30 * SECOND).await;
    let _hung = breaker.try_acquire().unwrap();
    let waiting = breaker.clone();
    let waiter = tokio::spawn(async move { waiting.acquire(sleep).await.success() });
    timeout(300 * SECOND, waiter).await.unwrap().unwrap();
    assert_eq!(breaker.phase(), Phase::Closed);
}
