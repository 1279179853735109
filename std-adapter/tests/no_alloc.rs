//! Calls do not allocate, whether admitted or refused.

use std::cell::OnceCell;
use std::future::{Future, ready};
use std::ops::Range;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use microbreaker_std::{Breaker, Builder};

/// Counts the allocations while `f` runs a hundred times on this thread.
fn allocations(f: impl Fn()) -> u64 {
    // The first run allocates what each thread needs once.
    f();
    allocation_counter::measure(|| (0..100).for_each(|_| f())).count_total
}

fn builder() -> Builder {
    let builder = Breaker::builder("users").failure_rate(50).slow_rate(50);
    let second = Duration::from_secs(1);
    builder.slow_after(3_600 * second).min_calls(500).open_for(3_600 * second)
}

#[test]
fn the_counter_sees_allocations() {
    assert_eq!(allocations(|| drop(Box::new(1))), 100);
}

#[test]
fn no_call_allocates() {
    for breaker in [builder().last_calls(1_000), builder().within(Duration::from_secs(60))] {
        let breaker = breaker.build().unwrap();
        let calls = || {
            let _ = breaker.call(|| Ok::<_, ()>(()));
            let _ = breaker.call(|| Err::<(), _>(()));
            let call = pin!(breaker.call_async(ready(Ok::<_, ()>(()))));
            let _ = call.poll(&mut Context::from_waker(Waker::noop()));
            let _ = breaker.try_acquire_owned().map(|permit| permit.success());
            let _ = (breaker.phase(), breaker.snapshot());
        };
        assert_eq!(allocations(calls), 0, "closed");
        breaker.trip();
        assert_eq!(allocations(calls), 0, "open");
    }
}

#[cfg(feature = "failover")]
#[test]
fn no_choice_of_an_instance_allocates() {
    use microbreaker_std::Failover;

    let instances = ["a", "b", "c"].map(|name| {
        let builder = Breaker::builder(name).consecutive_failures(255);
        builder.open_for(Duration::from_secs(3_600)).build().unwrap()
    });
    let users = Failover::new("users", instances).unwrap();
    let least = users.least_in_flight().most_open(50).attempts(2);
    let calls = || {
        let _ = users.call(|_| Ok::<_, ()>(()));
        let _ = users.call(|_| Err::<(), _>(()));
        let _ = least.call(|_| Ok::<_, ()>(()));
    };
    assert_eq!(allocations(calls), 0, "closed");
    users.instances()[0].breaker().trip();
    assert_eq!(allocations(calls), 0, "one of three is open");
    users.instances().iter().for_each(|instance| instance.breaker().trip());
    assert_eq!(allocations(|| drop(users.call(|_| Ok::<_, ()>(())))), 0, "all are open");
}

/// A refusal does: it becomes a boxed error.
#[cfg(all(feature = "failover", feature = "registry", feature = "tower"))]
#[test]
fn no_admitted_request_allocates() {
    use std::borrow::Cow;
    use std::convert::Infallible;

    use microbreaker_std::{BreakerLayer, Failover, Registry};
    use tower::{Layer, ServiceExt, service_fn};

    fn host<'a>(request: &'a &str) -> Cow<'a, str> {
        Cow::Borrowed(request)
    }

    let upstream = service_fn(|request: &'static str| ready(Ok::<_, Infallible>(request.len())));
    let keyed = BreakerLayer::keyed(Registry::new(builder().last_calls(1_000)).unwrap(), host);
    let keyed = keyed.layer(upstream);
    let instance = builder().last_calls(1_000).build().unwrap();
    let failover = Failover::new("users", [(instance, upstream)]).unwrap().service();
    let requests = || {
        for host in ["a", "users.internal:8080"] {
            let mut context = Context::from_waker(Waker::noop());
            let answer = pin!(keyed.clone().oneshot(host)).poll(&mut context);
            assert!(matches!(answer, std::task::Poll::Ready(Ok(len)) if len == host.len()));
            let answer = pin!(failover.clone().oneshot(host)).poll(&mut context);
            assert!(matches!(answer, std::task::Poll::Ready(Ok(len)) if len == host.len()));
        }
    };
    assert_eq!(allocations(requests), 0);
}

/// Some breakers leak their state on every transition, or log outcomes without bound.
#[test]
fn no_transition_leaves_memory_behind() {
    let breaker = builder().last_calls(1_000).on_event(|_| ()).build().unwrap();
    let transitions = || {
        breaker.trip();
        breaker.half_open().unwrap();
        breaker.reset();
        let _ = breaker.call(|| Err::<(), _>(()));
    };
    // The first run allocates what each thread needs once.
    transitions();
    let left = allocation_counter::measure(|| (0..1_000).for_each(|_| transitions()));
    assert_eq!(left.bytes_current, 0);
}

/// A service may name a breaker after each of its users.
#[test]
fn names_that_are_made_up_leave_bounded_memory_behind() {
    let made_up = |users: Range<u32>| {
        let left = allocation_counter::measure(|| {
            for user in users {
                let breaker = Breaker::builder(format!("user {user}")).consecutive_failures(1);
                let breaker = breaker.open_for(Duration::from_secs(3_600)).build().unwrap();
                breaker.trip();
                assert!(breaker.try_acquire().is_err_and(|why| why.name() == &**breaker.name()));
            }
        });
        left.bytes_current
    };
    // With what each thread and each name that is kept needs once.
    assert!(made_up(0..2_000) < 128 << 10);
    assert_eq!(made_up(2_000..4_000), 0);
    // Those that were kept are kept once.
    assert_eq!(made_up(0..2_000), 0);
}

/// The documentation of `Registry` promises this.
#[test]
fn a_breaker_takes_no_more_than_3_1_kibibytes() {
    // The name is kept once.
    let first = builder().last_calls(1_000).build();
    let breaker = OnceCell::new();
    let make = || _ = breaker.set(builder().last_calls(1_000).build().unwrap());
    let made = allocation_counter::measure(make).bytes_current;
    drop(first);
    assert!(made * 10 <= 31 << 10, "{made} bytes");
}

#[test]
fn reloads_leave_no_memory_behind() {
    let breaker = builder().last_calls(1_000).build().unwrap();
    let reload = |seconds| {
        let mut settings = breaker.settings();
        settings.open_for = Some(Duration::from_secs(seconds));
        breaker.reload(&settings).unwrap();
        let _ = breaker.call(|| Ok::<_, ()>(()));
    };
    // The first run allocates what each thread needs once.
    reload(1);
    let left = allocation_counter::measure(|| (2..10_000).for_each(reload));
    assert_eq!(left.bytes_current, 0);
}
