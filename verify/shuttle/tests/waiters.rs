//! Tasks that wait for a breaker of the adapter, beside what lets them go on: none sleeps for
//! ever, no more go on than there is room, and the first to come is the first to go.
//!
//! A task that is never woken is a deadlock, which shuttle reports.
#![cfg(shuttle)]

use std::future::{Future, pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_shuttle::{run_random, schedules};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, Phase};
use shuttle::future::block_on;
use shuttle::sync::mpsc;
use shuttle::thread::{self, Scope};

fn model(history: impl Fn() + Send + Sync + 'static) {
    run_random(schedules(), 3, history);
}

/// A timer that never goes off: what wakes the tasks is not the time.
fn never(_: Duration) -> impl Future<Output = ()> {
    pending()
}

/// A breaker that refuses every call until a command, and waits for its probes for ever.
fn refusing(build: impl FnOnce(Builder) -> Builder) -> Breaker {
    let builder = Breaker::builder("shared").consecutive_failures(1).clock(PausedClock::new());
    let builder = builder.open_for(Duration::from_secs(30)).no_probe_timeout();
    let breaker = build(builder).build().unwrap();
    breaker.force_open();
    breaker
}

/// Threads that share what `'a` borrows.
struct Race<'s, 'e>(&'s Scope<'s, 'e>);

fn race<'e>(f: impl for<'s> FnOnce(Race<'s, 'e>)) {
    thread::scope(|scope| f(Race(scope)));
}

impl<'s> Race<'s, '_> {
    /// Starts a thread.
    fn start(&self, f: impl FnOnce() + Send + 's) {
        self.0.spawn(f);
    }

    /// Starts a thread that waits, and gives the wait to `then` once it is in the queue:
    /// those that are started first are the first in the queue.
    fn wait<F: Future + Send + 's>(&self, wait: F, then: impl FnOnce(Wait<F>) + Send + 's) {
        let (come, has_come) = mpsc::channel();
        self.0.spawn(move || {
            let mut wait = Wait(Box::pin(wait));
            assert!(wait.poll().is_pending(), "there is nothing to wait for");
            come.send(()).unwrap();
            then(wait);
        });
        has_come.recv().unwrap();
    }
}

/// A wait that has begun.
struct Wait<F>(Pin<Box<F>>);

impl<F: Future> Wait<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        self.0.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn end(self) -> F::Output {
        block_on(self.0)
    }

    /// Goes on until the breaker has closed.
    fn until_closed(mut self, breaker: &Breaker) {
        block_on(poll_fn(|context| {
            _ = self.0.as_mut().poll(context);
            if breaker.phase() == Phase::Closed { Poll::Ready(()) } else { Poll::Pending }
        }));
    }
}

#[test]
fn a_transition_wakes_all() {
    model(|| {
        let breaker = refusing(|builder| builder);
        race(|threads| {
            threads.wait(breaker.acquire(never), |wait| wait.end().success());
            threads.wait(breaker.ready(never), |wait| wait.end());
            threads.start(|| block_on(breaker.acquire(never)).success());
            threads.start(|| breaker.reset());
        });
        assert_eq!(breaker.waiting(), 0);
    });
}

#[test]
fn transitions_of_two_threads_wake_all() {
    model(|| {
        let breaker = refusing(|builder| builder.probes(2));
        race(|threads| {
            threads.wait(breaker.acquire(never), |wait| wait.end().success());
            threads.start(|| block_on(breaker.acquire(never)).success());
            threads.start(|| _ = breaker.half_open());
            threads.start(|| breaker.disable());
        });
    });
}

#[test]
fn a_probe_that_is_handed_back_wakes_the_next_in_order() {
    model(|| {
        let breaker = refusing(|builder| builder);
        let gone = Mutex::new(Vec::new());
        race(|threads| {
            for number in 0..3 {
                let gone = &gone;
                threads.wait(breaker.acquire(never), move |wait| {
                    let permit = wait.end();
                    // As long as the probe is out, nobody else is here.
                    gone.lock().unwrap().push(number);
                    permit.ignore();
                });
            }
            threads.start(|| breaker.half_open().unwrap());
        });
        assert_eq!(*gone.lock().unwrap(), [0, 1, 2]);
    });
}

#[test]
fn those_who_give_up_hand_on() {
    model(|| {
        let breaker = refusing(|builder| builder);
        race(|threads| {
            threads.wait(breaker.acquire(never), drop);
            threads.wait(breaker.acquire(never), drop);
            threads.wait(breaker.acquire(never), |wait| wait.end().success());
            threads.start(|| breaker.reset());
        });
        assert_eq!(breaker.waiting(), 0);
    });
}

#[test]
fn one_that_gives_up_after_it_was_woken_hands_on() {
    model(|| {
        let breaker = refusing(|builder| builder);
        race(|threads| {
            threads.wait(breaker.acquire(never), |mut wait| {
                if let Poll::Ready(permit) = wait.poll() {
                    permit.ignore();
                }
            });
            threads.wait(breaker.acquire(never), |wait| wait.end().ignore());
            threads.start(|| breaker.half_open().unwrap());
        });
        assert_eq!((breaker.waiting(), breaker.phase()), (0, Phase::HalfOpen));
    });
}

#[test]
fn no_more_are_let_go_than_there_are_probes() {
    model(|| {
        let breaker = refusing(|builder| builder.probes(2));
        race(|threads| {
            for _ in 0..3 {
                threads.wait(breaker.ready(never), |wait| {
                    wait.end();
                    breaker.try_acquire().expect("a place is kept").success();
                });
            }
            threads.start(|| breaker.half_open().unwrap());
        });
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

#[test]
fn no_permit_is_the_place_of_one_that_was_let_go() {
    model(|| {
        let breaker = refusing(|builder| builder.probes(2));
        race(|threads| {
            threads.wait(breaker.ready(never), |wait| {
                wait.end();
                breaker.try_acquire().expect("a place is kept").success();
            });
            for _ in 0..2 {
                threads.wait(breaker.acquire(never), |wait| wait.end().success());
            }
            threads.start(|| breaker.half_open().unwrap());
        });
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

#[test]
fn a_reload_that_makes_room_wakes_the_next() {
    model(|| {
        let breaker = refusing(|builder| builder);
        breaker.half_open().unwrap();
        let probe = breaker.try_acquire().unwrap();
        race(|threads| {
            threads.wait(breaker.acquire(never), |wait| wait.end().ignore());
            threads.start(|| {
                let mut settings = breaker.settings().clone();
                settings.probes = Some(2);
                breaker.reload(&settings).unwrap();
            });
        });
        drop(probe);
    });
}

#[test]
fn one_that_comes_to_a_ramp_is_offered_to_it() {
    model(|| {
        let breaker = refusing(|builder| builder.ramp([50], Duration::from_secs(1)));
        breaker.half_open().unwrap();
        breaker.try_acquire().unwrap().success();
        let gone = AtomicBool::new(false);
        race(|threads| {
            // The first of two is refused, and goes on when the second comes.
            threads.wait(breaker.acquire(never), |wait| {
                wait.end().success();
                gone.store(true, Ordering::Relaxed);
            });
            threads.wait(breaker.acquire(never), |mut wait| {
                while !gone.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                assert!(wait.poll().is_pending());
            });
        });
    });
}

#[test]
fn no_call_is_a_probe_beside_a_check() {
    model(|| {
        let breaker = refusing(|builder| builder.probes(2));
        race(|threads| {
            let closes = |wait: Wait<_>| wait.until_closed(&breaker);
            threads.wait(breaker.probe_with(never, || ready(Ok::<_, ()>(()))), closes);
            threads.wait(breaker.acquire(never), |wait| {
                let permit = wait.end();
                assert_eq!(breaker.phase(), Phase::Closed, "it is a probe");
                permit.ignore();
            });
            threads.start(|| breaker.half_open().unwrap());
            threads.start(|| {
                if let Ok(permit) = breaker.try_acquire() {
                    assert_eq!(breaker.phase(), Phase::Closed, "it is a probe");
                    permit.ignore();
                }
            });
        });
    });
}

#[test]
fn one_that_waits_goes_on_when_a_check_is_dropped() {
    model(|| {
        let breaker = refusing(|builder| builder);
        race(|threads| {
            let hangs = pending::<Result<(), ()>>;
            threads.wait(breaker.probe_with(never, hangs), |mut wait| _ = wait.poll());
            threads.wait(breaker.acquire(never), |wait| wait.end().success());
            threads.start(|| breaker.half_open().unwrap());
        });
        assert_eq!((breaker.waiting(), breaker.phase()), (0, Phase::Closed));
    });
}

#[test]
fn a_check_that_stands_by_takes_the_place_of_one_that_is_dropped() {
    model(|| {
        let breaker = refusing(|builder| builder);
        race(|threads| {
            let hangs = pending::<Result<(), ()>>;
            let works = || ready(Ok::<_, ()>(()));
            let closes = |wait: Wait<_>| wait.until_closed(&breaker);
            threads.wait(breaker.probe_with(never, hangs), |mut wait| _ = wait.poll());
            threads.wait(breaker.probe_with(never, works), closes);
            threads.start(|| breaker.half_open().unwrap());
        });
    });
}
