//! Calls to a service of several instances race, and with them what happens to its instances:
//! probes, instances that are added and removed, breakers that open.
//!
//! The list of instances is swapped by `arc-swap`, in what is one step here.
#![cfg(shuttle)]

use std::sync::Arc;
// Not shuttle's, so that counting adds no steps.
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use microbreaker_shuttle::{run, schedules};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, CallError, Failover, Phase};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;

const SECOND: Duration = Duration::from_secs(1);

/// How many calls an instance got.
type Calls = AtomicU32;
type Service = Failover<Calls>;

fn builder(name: &str, clock: &PausedClock) -> Builder {
    Breaker::builder(name).consecutive_failures(1).open_for(SECOND).clock(clock.clone())
}

fn instance(builder: Builder) -> (Breaker, Calls) {
    (builder.build().unwrap(), Calls::new(0))
}

/// Calls until an instance answers, which are all but those that `is_down` names.
fn call(service: &Service, is_down: fn(&str) -> bool) -> Result<String, CallError<()>> {
    service.call(|instance| {
        instance.callee().fetch_add(1, Ordering::Relaxed);
        let name = instance.name().to_string();
        if is_down(&name) { Err(()) } else { Ok(name) }
    })
}

fn all_up(_: &str) -> bool {
    false
}

fn calls(service: &Service) -> Vec<u32> {
    service.instances().iter().map(|it| it.callee().load(Ordering::Relaxed)).collect()
}

/// Runs the threads of `race` at once, in random schedules, and then `after`.
fn check(race: impl Fn() -> (Service, Vec<Thread>, After) + Send + Sync + 'static) {
    let race = Arc::new(race);
    let run_once = move || {
        let (service, threads, after) = race();
        let start = |thread: Thread| {
            let service = service.clone();
            thread::spawn(move || thread(&service))
        };
        let running: Vec<_> = threads.into_iter().map(start).collect();
        running.into_iter().for_each(|thread| thread.join().unwrap());
        after(&service);
        let in_flight = service.instances().iter().map(|it| it.in_flight()).sum::<usize>();
        assert_eq!(in_flight, 0);
    };
    run(RandomScheduler::new(schedules()), run_once.clone());
    run(PctScheduler::new(3, schedules()), run_once);
}

type Thread = Box<dyn FnOnce(&Service) + Send>;
type After = Box<dyn FnOnce(&Service)>;

#[test]
fn callers_share_one_rotation() {
    check(|| {
        let clock = PausedClock::new();
        let instances = ["a", "b", "c"].map(|name| instance(builder(name, &clock)));
        let service = Failover::new("users", instances).unwrap();
        let caller = || -> Thread {
            Box::new(|service| {
                for _ in 0..4 {
                    call(service, all_up).unwrap();
                }
            })
        };
        let after = Box::new(|service: &Service| assert_eq!(calls(service), [4, 4, 4]));
        (service, vec![caller(), caller(), caller()], after)
    });
}

/// An instance is due and down, with this many probes. It gets one call at least, and no more
/// than it admits, and everybody is served by the other.
fn a_due_instance(probes: u32) {
    check(move || {
        let clock = PausedClock::new();
        let due = instance(builder("down", &clock).probes(probes).backoff(2, 60 * SECOND));
        due.0.trip();
        clock.advance(SECOND);
        let up = instance(builder("up", &clock));
        let service = Failover::new("users", [up, due]).unwrap().attempts(2);
        let caller = || -> Thread {
            Box::new(|service| {
                for _ in 0..2 {
                    assert_eq!(call(service, |name| name == "down"), Ok("up".to_owned()));
                }
            })
        };
        let after = move |service: &Service| {
            let probed = calls(service)[1];
            assert!((1..=probes).contains(&probed), "{probed} of {probes} probes");
            assert_eq!(service.instances()[1].breaker().phase(), Phase::Open);
        };
        (service, vec![caller(), caller(), caller()], Box::new(after))
    });
}

#[test]
fn a_due_instance_with_one_probe() {
    a_due_instance(1);
}

#[test]
fn a_due_instance_with_two_probes() {
    a_due_instance(2);
}

/// The only other instance is closed by the probe, so that further calls may go to it.
#[test]
fn a_due_instance_that_is_up_comes_back() {
    check(|| {
        let clock = PausedClock::new();
        let [due, closed] = ["due", "closed"].map(|name| instance(builder(name, &clock)));
        due.0.trip();
        clock.advance(SECOND);
        let service = Failover::new("users", [closed, due]).unwrap();
        let caller = || -> Thread {
            Box::new(|service| {
                call(service, all_up).unwrap();
            })
        };
        let after = |service: &Service| {
            assert_eq!(service.instances()[1].breaker().phase(), Phase::Closed);
            assert!(calls(service)[1] > 0);
        };
        (service, vec![caller(), caller(), caller()], Box::new(after))
    });
}

#[test]
fn instances_come_and_go_beside_calls() {
    check(|| {
        let clock = PausedClock::new();
        let counted = |name| instance(builder(name, &clock).last_calls(20).failure_rate(100));
        let service = Failover::new("users", ["a", "b"].map(counted)).unwrap();
        let new = counted("c");
        let changes: Thread = Box::new(move |service| {
            service.add(new).unwrap();
            service.remove("a").unwrap();
            let answer = call(service, all_up).unwrap();
            assert_ne!(answer, "a", "it was removed");
        });
        let caller = || -> Thread {
            Box::new(|service| {
                for _ in 0..2 {
                    call(service, all_up).unwrap();
                }
            })
        };
        let after = |service: &Service| {
            for instance in service.instances() {
                let counted = instance.breaker().snapshot().tally.calls;
                assert_eq!(counted, instance.callee().load(Ordering::Relaxed), "{instance:?}");
            }
        };
        (service, vec![changes, caller(), caller()], Box::new(after))
    });
}

#[test]
fn the_last_instance_goes_beside_a_call() {
    check(|| {
        let clock = PausedClock::new();
        let service = Failover::new("users", [instance(builder("a", &clock))]).unwrap();
        let remove: Thread = Box::new(|service| drop(service.remove("a").unwrap()));
        let caller: Thread = Box::new(|service| match call(service, all_up) {
            Ok(_) => {}
            Err(CallError::Rejected(why)) => assert_eq!(why.phase(), Phase::ForcedOpen),
            Err(CallError::Failed(())) => panic!("it is up"),
        });
        let after = |service: &Service| assert!(call(service, all_up).is_err());
        (service, vec![remove, caller], Box::new(after))
    });
}

/// At every moment one of them admits calls.
#[test]
fn an_instance_closes_just_before_the_other_opens() {
    for names in [["opens", "closes"], ["closes", "opens"]] {
        check(move || {
            let clock = PausedClock::new();
            let service = names.map(|name| instance(builder(name, &clock)));
            let service = Failover::new("users", service).unwrap();
            let breaker = |name| {
                let place = names.iter().position(|it| *it == name).unwrap();
                service.instances()[place].breaker().clone()
            };
            let [opens, closes] = ["opens", "closes"].map(breaker);
            closes.trip();
            let turn: Thread = Box::new(move |_| {
                closes.reset();
                opens.trip();
            });
            let caller = || -> Thread {
                Box::new(|service| {
                    call(service, all_up).unwrap();
                })
            };
            (service, vec![turn, caller(), caller()], Box::new(|_: &Service| {}))
        });
    }
}

#[test]
fn all_instances_open_beside_calls_but_no_more_may_than_half() {
    check(|| {
        let clock = PausedClock::new();
        let instances = ["a", "b"].map(|name| instance(builder(name, &clock)));
        let service = Failover::new("users", instances).unwrap().most_open(50);
        let trip: Thread = Box::new(|service| {
            service.instances().iter().for_each(|instance| instance.breaker().trip());
        });
        let caller = || -> Thread {
            Box::new(|service| {
                for _ in 0..2 {
                    call(service, all_up).unwrap();
                }
            })
        };
        (service, vec![trip, caller(), caller()], Box::new(|_: &Service| {}))
    });
}
