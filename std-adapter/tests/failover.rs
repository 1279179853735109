//! Several instances of a service.
#![cfg(feature = "failover")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Barrier;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::ProbeTimeout;
use microbreaker_std::{
    Breaker, Builder, CallError, Failover, Outcome, Phase, Settings, failing_if,
};

const SECOND: Duration = Duration::from_secs(1);

fn builder(name: &str, clock: &PausedClock) -> Builder {
    Breaker::builder(name).consecutive_failures(1).open_for(SECOND).clock(clock.clone())
}

/// Instances that trip at the first failure.
fn service<const N: usize>(names: [&str; N]) -> (Failover, PausedClock) {
    let clock = PausedClock::new();
    let instances = names.map(|name| builder(name, &clock).build().unwrap());
    (Failover::new("users", instances).unwrap(), clock)
}

fn instance(service: &Failover, name: &str) -> Breaker {
    let instances = service.instances();
    let found = instances.iter().find(|instance| &**instance.name() == name);
    found.unwrap().breaker().clone()
}

/// Asks for the name of the instance that gets a call, all but `down` being up.
fn ask(service: &Failover, down: &[&str]) -> Result<String, CallError<String>> {
    service.call(|instance| {
        let name = instance.name().to_string();
        if down.contains(&&*name) { Err(name) } else { Ok(name) }
    })
}

fn asked(service: &Failover) -> String {
    ask(service, &[]).unwrap()
}

/// How many of `calls` calls each instance answers.
fn shares(service: &Failover, calls: u32) -> BTreeMap<String, u32> {
    let mut shares = BTreeMap::new();
    (0..calls).for_each(|_| *shares.entry(asked(service)).or_default() += 1);
    shares
}

fn of<const N: usize>(shares: [(&str, u32); N]) -> BTreeMap<String, u32> {
    shares.map(|(name, calls)| (name.to_owned(), calls)).into()
}

fn rejection(service: &Failover) -> (String, Phase, Option<Duration>) {
    let refused = ask(service, &[]).unwrap_err();
    let CallError::Rejected(why) = refused else { panic!("{refused:?}") };
    (why.name().to_owned(), why.phase(), why.retry_after())
}

// Which instance gets a call.

#[test]
fn one_of_two_instances_is_down_and_the_other_serves_every_call() {
    let (service, clock) = service(["a", "b"]);
    let answers = (0..100).map(|_| ask(&service, &["a"]));
    let failed = answers.filter(Result::is_err).count();
    assert_eq!(failed, 1, "the one that opened the breaker");
    clock.advance(SECOND);
    assert_eq!(ask(&service, &["a"]), Err(CallError::Failed("a".to_owned())), "the probe");
    assert_eq!(shares(&service, 100), of([("b", 100)]));
}

#[test]
fn an_instance_that_is_due_for_a_probe_comes_back_while_another_is_closed() {
    let (service, clock) = service(["a", "b"]);
    instance(&service, "b").trip();
    assert_eq!(shares(&service, 100), of([("a", 100)]));
    clock.advance(SECOND);
    assert_eq!(asked(&service), "b", "the probe");
    assert_eq!(shares(&service, 100), of([("a", 50), ("b", 50)]));
}

#[test]
fn healthy_instances_get_the_same_number_of_calls() {
    let (service, _) = service(["a", "b", "c"]);
    assert_eq!(shares(&service, 300), of([("a", 100), ("b", 100), ("c", 100)]));
}

/// Taking the next one in the list would give all of them to its neighbour.
#[test]
fn the_calls_of_an_open_instance_are_spread_over_all_others() {
    let (service, _) = service(["a", "b", "c", "d"]);
    instance(&service, "b").trip();
    assert_eq!(shares(&service, 300), of([("a", 100), ("c", 100), ("d", 100)]));
}

#[test]
fn what_a_gradually_closing_instance_refuses_is_spread_over_all_others() {
    let clock = PausedClock::new();
    let closing = builder("b", &clock).ramp([1], SECOND).build().unwrap();
    let all = ["a", "c", "d"].map(|name| builder(name, &clock).build().unwrap());
    let [a, c, d] = all;
    let service = Failover::new("users", [a, closing.clone(), c, d]).unwrap();
    closing.trip();
    clock.advance(SECOND);
    assert_eq!(asked(&service), "b", "the probe");
    let shares = shares(&service, 1_200);
    let others = ["a", "c", "d"].map(|name| shares[name]);
    assert!(others.iter().all(|calls| (390..=400).contains(calls)), "{shares:?}");
}

#[test]
fn threads_that_call_at_once_share_one_rotation() {
    let (service, _) = service(["a", "b", "c", "d"]);
    let start = Barrier::new(4);
    let counts: Vec<_> = thread::scope(|scope| {
        let calls = || {
            start.wait();
            shares(&service, 1_000)
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(calls)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for name in ["a", "b", "c", "d"] {
        assert_eq!(counts.iter().map(|shares| shares[name]).sum::<u32>(), 1_000, "{name}");
    }
}

#[test]
fn an_instance_that_is_being_probed_is_not_asked_by_others() {
    let (service, clock) = service(["a", "b"]);
    instance(&service, "a").trip();
    clock.advance(SECOND);
    let shares = service.call(|probed| {
        assert_eq!(&**probed.name(), "a");
        Ok::<_, ()>(shares(&service, 10))
    });
    assert_eq!(shares, Ok(of([("b", 10)])));
}

#[test]
fn each_due_instance_gets_its_probes_and_no_more() {
    let clock = PausedClock::new();
    let [a, b] = ["a", "b"].map(|name| builder(name, &clock).probes(2).build().unwrap());
    let c = builder("c", &clock).build().unwrap();
    a.trip();
    b.trip();
    clock.advance(SECOND);
    let service = Failover::new("users", [a, b, c]).unwrap();
    // All calls are in progress at once.
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let mut call = Box::pin(service.call_async(async |instance| {
                started(instance.name());
                pending::<Result<(), ()>>().await
            }));
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            call
        })
        .collect();
    let started = STARTED.with_borrow(Clone::clone);
    let count = |name| started.iter().filter(|started| **started == name).count();
    assert_eq!((count("a"), count("b"), count("c")), (2, 2, 6));
    drop(calls);
    let in_flight = service.instances().iter().map(|it| it.in_flight()).sum::<usize>();
    assert_eq!(in_flight, 0);
}

thread_local! {
    static STARTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn started(name: &str) {
    STARTED.with_borrow_mut(|started| started.push(name.to_owned()));
}

#[test]
fn the_instance_with_the_fewest_calls_in_progress_is_next() {
    let (service, _) = service(["a", "b", "c"]);
    let service = service.least_in_flight();
    let nested = service.call(|first| {
        let first = first.name().to_string();
        service.call(|second| {
            let second = second.name().to_string();
            // Two of three are busy.
            Ok::<_, ()>((first.clone(), second, shares(&service, 10)))
        })
    });
    let (first, second, shares) = nested.unwrap();
    assert_ne!(first, second);
    assert_eq!(shares.len(), 1, "{first} and {second} are busy: {shares:?}");
    let idle = shares.keys().next().unwrap();
    assert!(*idle != first && *idle != second);
    assert_eq!(self::shares(&service, 30), of([("a", 10), ("b", 10), ("c", 10)]), "all idle");
}

// Attempts.

#[test]
fn a_call_that_fails_goes_on_to_the_next_instance() {
    let (service, _) = service(["a", "b", "c"]);
    let reads = service.attempts(2);
    assert_eq!((0..30).filter(|_| ask(&reads, &["b"]).is_err()).count(), 0);
    assert_eq!(instance(&service, "b").phase(), Phase::Open, "the failure counted");
}

#[test]
fn a_call_is_made_once_unless_it_says_that_it_may_be_repeated() {
    let (service, _) = service(["a", "b"]);
    let _ = service.attempts(2);
    let made = Cell::new(0);
    let result = service.call(|_| {
        made.set(made.get() + 1);
        Err::<(), _>("down")
    });
    assert_eq!((result, made.get()), (Err(CallError::Failed("down")), 1));
}

#[test]
fn only_what_the_classifier_calls_a_failure_goes_on() {
    let (service, _) = service(["a", "b"]);
    let made = Cell::new(0);
    let call = |error| {
        made.set(0);
        let answers = failing_if(|error: &&str| *error != "not found");
        let call = |_: &_| {
            made.set(made.get() + 1);
            Err::<(), _>(error)
        };
        assert!(service.attempts(2).call_classified(call, answers).is_err());
        made.get()
    };
    assert_eq!(call("not found"), 1);
    assert_eq!(call("timed out"), 2);
    service.instances().iter().for_each(|instance| instance.breaker().reset());
    let bad_argument = |_: &Result<(), _>| Outcome::Ignored;
    let result = service.attempts(2).call_classified(|_| Err(made.take()), bad_argument);
    assert_eq!(result, Err(CallError::Failed(2)), "made once");
}

/// A status can be a failure in an `Ok`.
#[test]
fn an_answer_that_counts_as_failed_goes_on_too() {
    let (service, _) = service(["a", "b"]);
    let statuses = Cell::new(500);
    let failed = |status: &Result<u16, ()>| match status {
        Ok(500..) => Outcome::FailureOpenFor(9 * SECOND),
        _ => Outcome::Success,
    };
    let result = service.attempts(2).call_classified(|_| Ok(statuses.replace(200)), failed);
    assert_eq!(result, Ok(200));
    assert_eq!(instance(&service, "a").snapshot().retry_after, Some(9 * SECOND));
}

/// Otherwise, of two instances, the one that fails would be the first for every call.
#[test]
fn further_attempts_do_not_disturb_the_rotation() {
    let clock = PausedClock::new();
    let tolerant = |name| builder(name, &clock).consecutive_failures(255).build().unwrap();
    let service = Failover::new("users", ["a", "b", "c"].map(tolerant)).unwrap().attempts(2);
    let (mut first, mut answered) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..120 {
        let mut asked = Vec::new();
        let answer = service.call(|instance| {
            asked.push(instance.name().to_string());
            if asked[asked.len() - 1] == "a" { Err(()) } else { Ok(()) }
        });
        answer.unwrap();
        *first.entry(asked.swap_remove(0)).or_default() += 1;
        *answered.entry(asked.pop()).or_default() += 1;
    }
    assert_eq!(first, of([("a", 40), ("b", 40), ("c", 40)]));
    let (b, c) = (Some("b".to_owned()), Some("c".to_owned()));
    assert_eq!(answered, [(None, 80), (b, 20), (c, 20)].into());
}

#[test]
fn a_call_asks_no_instance_twice_and_returns_the_last_error() {
    let (service, _) = service(["a", "b", "c"]);
    let tried = RefCell::new(Vec::new());
    let result = service.attempts(9).call(|instance| {
        tried.borrow_mut().push(instance.name().to_string());
        Err::<(), _>(instance.name().to_string())
    });
    assert_eq!(result, Err(CallError::Failed("c".to_owned())));
    assert_eq!(*tried.borrow(), ["a", "b", "c"]);
}

#[test]
fn the_user_of_a_probe_that_fails_is_served_by_another_instance() {
    let (service, clock) = service(["a", "b", "c", "d"]);
    // Two are due: the second attempt must not be a probe as well.
    instance(&service, "a").trip();
    instance(&service, "b").trip();
    clock.advance(SECOND);
    let reads = service.attempts(2);
    for _ in 0..2 {
        assert!(ask(&reads, &["a", "b"]).is_ok());
    }
    let phases = ["a", "b"].map(|name| instance(&service, name).phase());
    assert_eq!(phases, [Phase::Open, Phase::Open], "both were probed");
}

#[test]
fn a_further_attempt_is_a_probe_if_nothing_else_is_left() {
    let (service, clock) = service(["a", "b"]);
    instance(&service, "b").trip();
    let result = service.attempts(2).call(|instance| match &**instance.name() {
        "a" => {
            clock.advance(SECOND);
            Err(())
        }
        name => Ok(name.to_owned()),
    });
    assert_eq!(result, Ok("b".to_owned()));
}

#[test]
fn a_panic_ends_all_attempts_and_is_a_failure_of_its_instance() {
    let (service, _) = service(["a", "b"]);
    let made = Cell::new(0);
    let call = || {
        service.attempts(2).call(|_| -> Result<(), ()> {
            made.set(made.get() + 1);
            panic!("of the call")
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(made.get(), 1);
    assert_eq!(instance(&service, "a").phase(), Phase::Open);
    assert_eq!(service.instances()[0].in_flight(), 0);
    assert_eq!(asked(&service), "b");
}

#[test]
fn a_future_goes_on_to_the_next_instance() {
    let (service, _) = service(["a", "b"]);
    let reads = service.attempts(2);
    let call = pin!(reads.call_async(|instance| {
        let name = instance.name().to_string();
        ready(if name == "a" { Err(()) } else { Ok(name) })
    }));
    let polled = call.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(Ok("b".to_owned())));
    assert_eq!(instance(&service, "a").phase(), Phase::Open);
}

#[test]
#[should_panic = "a call must have at least one attempt"]
fn no_attempt_is_a_mistake() {
    let _ = service(["a"]).0.attempts(0);
}

// Refusals, and how many instances may be left out.

#[test]
fn if_all_instances_refuse_the_rejection_is_that_of_the_soonest() {
    let (service, clock) = service(["forced", "late", "soon"]);
    instance(&service, "forced").force_open();
    instance(&service, "late").trip_for(3 * SECOND);
    instance(&service, "soon").trip_for(2 * SECOND);
    assert_eq!(rejection(&service), ("soon".to_owned(), Phase::Open, Some(2 * SECOND)));
    clock.advance(SECOND);
    assert_eq!(rejection(&service).2, Some(SECOND));
}

#[test]
fn an_instance_whose_probe_is_out_is_not_the_soonest_if_that_may_take_longer() {
    let clock = PausedClock::new();
    let slow = builder("slow", &clock).probe_timeout(9 * SECOND).build().unwrap();
    let open = builder("open", &clock).build().unwrap();
    let service = Failover::new("users", [slow.clone(), open.clone()]).unwrap();
    slow.trip();
    clock.advance(SECOND);
    let _probe = slow.try_acquire().unwrap();
    open.trip();
    assert_eq!(rejection(&service).2, Some(SECOND));
}

#[test]
fn a_single_instance_is_an_ordinary_breaker() {
    let (service, clock) = service(["a"]);
    let reads = service.attempts(3);
    assert_eq!(ask(&reads, &["a"]), Err(CallError::Failed("a".to_owned())));
    assert_eq!(rejection(&reads), ("a".to_owned(), Phase::Open, Some(SECOND)));
    clock.advance(SECOND);
    assert_eq!(asked(&reads), "a");
}

/// Failures that are spread evenly open every breaker, although no instance is down.
#[test]
fn twenty_failures_over_four_healthy_instances_do_not_refuse_everything() {
    let clock = PausedClock::new();
    let instances = ["a", "b", "c", "d"].map(|name| {
        let builder = builder(name, &clock).consecutive_failures(5).open_for(60 * SECOND);
        builder.build().unwrap()
    });
    let service = Failover::new("users", instances).unwrap();
    for _ in 0..20 {
        let _ = service.call(|_| Err::<(), _>("a bad request"));
    }
    assert_eq!(rejection(&service).2, Some(60 * SECOND), "every breaker is open");
    let service = service.most_open(50);
    assert_eq!((0..100).filter(|_| ask(&service, &[]).is_err()).count(), 0);
    clock.advance(60 * SECOND);
    assert_eq!(shares(&service, 104), of([("a", 26), ("b", 26), ("c", 26), ("d", 26)]));
}

#[test]
fn no_more_instances_are_left_out_than_may_be_and_the_best_stay() {
    let (service, _) = service(["a", "b", "c", "d"]);
    for (name, seconds) in [("a", 4), ("b", 3), ("c", 2)] {
        instance(&service, name).trip_for(seconds * SECOND);
    }
    assert_eq!(shares(&service.most_open(75), 100), of([("d", 100)]));
    assert_eq!(shares(&service.most_open(74), 100), of([("c", 50), ("d", 50)]));
    assert_eq!(shares(&service.most_open(25), 99), of([("b", 33), ("c", 33), ("d", 33)]));
    let all = of([("a", 25), ("b", 25), ("c", 25), ("d", 25)]);
    assert_eq!(shares(&service.most_open(0), 100), all);
    assert_eq!(instance(&service, "a").phase(), Phase::Open, "the calls did not count");
}

#[test]
fn an_instance_that_an_operator_forced_open_is_never_asked() {
    let (service, _) = service(["a", "b"]);
    let service = service.most_open(0);
    service.instances().iter().for_each(|instance| instance.breaker().force_open());
    assert_eq!(rejection(&service).1, Phase::ForcedOpen);
    instance(&service, "a").reset();
    assert_eq!(shares(&service, 10), of([("a", 10)]));
    instance(&service, "a").trip();
    assert_eq!(shares(&service, 10), of([("a", 10)]), "open, but not forced");
}

#[test]
fn the_best_instance_is_asked_while_its_probe_is_out() {
    let (service, clock) = service(["a"]);
    let service = service.most_open(50);
    instance(&service, "a").trip();
    clock.advance(SECOND);
    let _probe = instance(&service, "a").try_acquire_owned().unwrap();
    assert_eq!(asked(&service), "a");
}

/// Although the one that is asked anyway fails, and refuses.
#[test]
fn a_further_attempt_prefers_a_closed_instance_to_one_that_refuses() {
    let (service, _) = service(["a", "b", "c"]);
    instance(&service, "a").trip();
    instance(&service, "b").trip();
    let reads = service.most_open(50).attempts(2);
    assert_eq!((0..100).filter(|_| ask(&reads, &["a", "b"]).is_err()).count(), 0);
}

#[test]
#[should_panic = "most_open is 101, but must be 0 to 100"]
fn more_than_all_cannot_be_open() {
    let _ = service(["a"]).0.most_open(101);
}

// Instances that come and go.

#[test]
fn an_added_instance_gets_its_share_and_the_others_stay_as_they_are() {
    let (service, clock) = service(["a", "b"]);
    instance(&service, "a").trip();
    service.add(builder("c", &clock).build().unwrap()).unwrap();
    assert_eq!(instance(&service, "a").phase(), Phase::Open);
    assert_eq!(shares(&service, 10), of([("b", 5), ("c", 5)]));
}

#[test]
fn a_removed_instance_gets_no_calls_and_its_call_in_progress_counts() {
    let (service, _) = service(["a", "b"]);
    let result = service.attempts(2).call(|instance| match &**instance.name() {
        "a" => {
            let removed = service.remove("a").unwrap();
            assert_eq!(removed.in_flight(), 1);
            Err(())
        }
        name => Ok(name.to_owned()),
    });
    assert_eq!(result, Ok("b".to_owned()));
    assert_eq!(shares(&service, 10), of([("b", 10)]));
    assert!(service.remove("a").is_none());
}

#[test]
fn a_removed_instance_that_is_added_again_keeps_its_breaker() {
    let (service, _) = service(["a", "b"]);
    let removed = service.remove("a").unwrap();
    removed.breaker().trip();
    service.add(removed).unwrap();
    assert_eq!(shares(&service, 10), of([("b", 10)]));
}

#[test]
fn without_any_instance_every_call_is_refused_until_one_is_added() {
    let (service, clock) = service(["a"]);
    let service = service.most_open(0).attempts(2);
    service.remove("a");
    assert_eq!(rejection(&service), ("users".to_owned(), Phase::ForcedOpen, None));
    service.add(builder("b", &clock).build().unwrap()).unwrap();
    assert_eq!(asked(&service), "b");
}

#[test]
fn a_service_without_instances_and_two_of_one_name_are_refused() {
    let none: [Breaker; 0] = [];
    assert_eq!(
        Failover::new("users", none).unwrap_err().to_string(),
        r#"circuit breaker "users": instances is empty, but must be at least one"#
    );
    let clock = PausedClock::new();
    let breaker = || builder("a", &clock).build().unwrap();
    let twice = Failover::new("users", [breaker(), breaker()]).unwrap_err();
    let (service, _) = service(["a"]);
    let again = service.add(breaker()).unwrap_err();
    for error in [twice, again] {
        let text =
            r#"circuit breaker "users": name is "a", but must be one that no other instance has"#;
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(service.instances().len(), 1);
}

#[test]
fn instances_that_are_added_at_once_are_all_there() {
    let (service, clock) = service(["a"]);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (service, clock) = (&service, &clock);
            scope.spawn(move || {
                for i in 0..25 {
                    let name = format!("{thread}/{i}");
                    service.add(builder(&name, clock).build().unwrap()).unwrap();
                    assert!(ask(service, &[]).is_ok());
                }
            });
        }
    });
    assert_eq!(service.instances().len(), 101);
}

#[test]
fn a_single_instance_that_closes_gradually_is_not_refused_if_it_may_not_be_left_out() {
    let clock = PausedClock::new();
    let a = builder("a", &clock).ramp([10, 50], SECOND).build().unwrap();
    let service = Failover::new("users", [a.clone()]).unwrap().most_open(50);
    a.trip();
    assert_eq!(asked(&service), "a", "although it is open");
    clock.advance(SECOND);
    a.try_acquire().unwrap().success();
    assert_eq!(shares(&service, 100), of([("a", 100)]));
}

#[test]
fn four_instances_that_all_close_gradually_serve_every_call() {
    let clock = PausedClock::new();
    let all =
        ["a", "b", "c", "d"].map(|name| builder(name, &clock).ramp([10], SECOND).build().unwrap());
    let service = Failover::new("users", all.clone()).unwrap().most_open(0);
    all.iter().for_each(Breaker::trip);
    clock.advance(SECOND);
    all.iter().for_each(|breaker| breaker.try_acquire().unwrap().success());
    assert_eq!(shares(&service, 1_000).values().sum::<u32>(), 1_000);
}

#[test]
fn what_may_not_be_left_out_is_not_what_an_operator_has_closed_off() {
    let clock = PausedClock::new();
    let [a, b] = ["a", "b"].map(|name| builder(name, &clock).ramp([1], SECOND).build().unwrap());
    let service = Failover::new("users", [a.clone(), b.clone()]).unwrap().most_open(0);
    a.force_open();
    b.trip();
    clock.advance(SECOND);
    b.try_acquire().unwrap().success();
    assert_eq!(shares(&service, 100), of([("b", 100)]));
}

#[test]
fn a_refusal_is_rather_of_one_that_is_probed_than_of_one_that_is_forced_open() {
    let clock = PausedClock::new();
    let forever = Settings { probe_timeout: Some(ProbeTimeout::Never), ..Settings::default() };
    let settings = forever.over(&builder("a", &clock).build().unwrap().settings());
    let [a, b] =
        ["a", "b"].map(|name| builder(name, &clock).settings(settings.clone()).build().unwrap());
    let service = Failover::new("users", [a.clone(), b.clone()]).unwrap();
    a.force_open();
    b.trip();
    clock.advance(SECOND);
    let _probe = b.try_acquire().unwrap();
    assert_eq!(rejection(&service), ("b".to_owned(), Phase::HalfOpen, None));
}

#[cfg(feature = "counts")]
#[test]
fn what_another_instance_serves_is_no_rejection() {
    let (service, clock) = service(["a", "b"]);
    let [a, b] = ["a", "b"].map(|name| instance(&service, name));
    a.trip();
    clock.advance(SECOND);
    let _probe = a.try_acquire().unwrap();
    assert_eq!(shares(&service, 100), of([("b", 100)]));
    assert_eq!((a.counts().rejections, b.counts().rejections), (0, 0));

    b.trip();
    assert_eq!(shares(&service.most_open(0), 100).values().sum::<u32>(), 100);
    assert_eq!((a.counts().rejections, b.counts().rejections), (0, 0));

    assert!(service.call(|_| Ok::<_, ()>(())).is_err());
    assert_eq!((a.counts().rejections, b.counts().rejections), (1, 1));
}

#[test]
fn an_instance_that_is_removed_and_added_again_during_a_call_is_not_asked_twice() {
    let (service, _) = service(["a"]);
    let mut asked = 0;
    let result = service.attempts(5).call(|instance| {
        asked += 1;
        service.remove("a");
        service.add(instance.breaker().clone()).unwrap();
        Err::<(), ()>(())
    });
    assert_eq!((result.is_err(), asked), (true, 1));
}
