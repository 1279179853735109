//! Who opens with the fleet, who does not, and what else an instance makes of the others.

mod rig;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use microbreaker_fleet::{Action, Fleet, MemoryStore, Order, Quorum, Verdict};
use microbreaker_std::clock::{Clock, MonotonicClock, TokioClock};
use microbreaker_std::settings::Mode;
use microbreaker_std::{Breaker, Cause, EventKind, Outcome, Phase, Registry, Tally};
use rig::{Instance, SECOND, World, exchange, meet, open, template};

#[test]
fn instances_that_call_rarely_find_out_together() {
    let world = World::new();
    let instances = world.instances(10);
    meet(&world, &instances);
    instances.iter().for_each(|instance| drop(instance.users()));
    instances[..4].iter().for_each(|instance| instance.fails(1));
    exchange(&instances);
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Open));
}

#[test]
fn one_instance_alone_opens_nobody_else() {
    let world = World::new();
    let instances = world.instances(50);
    meet(&world, &instances);
    instances[1..].iter().for_each(|instance| assert!(instance.call(Outcome::Success)));
    for _ in 0..30 {
        while instances[0].call(Outcome::Failure) {}
        exchange(&instances);
        assert!(instances[1..].iter().all(|instance| instance.call(Outcome::Success)));
        world.pass(SECOND);
    }
    assert_eq!(instances[7].view().verdict, Verdict::None);
}

#[test]
fn one_in_five_of_those_with_traffic_must_see_it_failing() {
    let world = World::new();
    let windowed = || template().last_calls(20);
    let instances: Vec<_> =
        (0..51).map(|n| world.instance_of(&n.to_string(), windowed())).collect();
    let (idle, instances) = instances.split_last().unwrap();
    instances.iter().for_each(|instance| assert!(instance.call(Outcome::Success)));
    drop(idle.users());
    idle.exchange();
    meet(&world, instances);
    instances[..9].iter().for_each(|instance| instance.fails(2));
    exchange(instances);
    exchange(instances);
    assert_eq!(instances[0].view().failing, 9);
    assert_eq!(instances[0].view().verdict, Verdict::None, "18 failures in a row, but of nine");
    // Idle instances do not count, neither for nor against.
    idle.exchange();
    instances[9].fails(1);
    exchange(instances);
    exchange(instances);
    assert!(matches!(instances[0].view().verdict, Verdict::Open(_)));
}

#[test]
fn healthy_breakers_without_a_window_have_traffic_too() {
    let world = World::new();
    let instances = world.instances(20);
    instances[2..].iter().for_each(|instance| assert!(instance.call(Outcome::Success)));
    meet(&world, &instances);
    instances[..2].iter().for_each(|instance| instance.fails(3));
    exchange(&instances);
    exchange(&instances);
    let view = instances[0].view();
    assert_eq!((view.with_traffic, view.failing, view.verdict), (20, 2, Verdict::None));
    instances[2..4].iter().for_each(|instance| instance.fails(1));
    exchange(&instances);
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Open));
}

#[test]
fn own_evidence_wins() {
    let world = World::new();
    let windowed = || template().last_calls(20);
    let instances: Vec<_> = (0..4).map(|n| world.instance_of(&n.to_string(), windowed())).collect();
    meet(&world, &instances);
    instances[..3].iter().for_each(|instance| instance.fails(3));
    assert!(instances[3].call(Outcome::Success));
    exchange(&instances);
    assert!(instances[3].call(Outcome::Success));
    exchange(&instances);
    assert!(instances[..3].iter().all(|instance| instance.phase() == Phase::Open));
    assert_eq!(instances[3].phase(), Phase::Closed);
    // Until its own calls fail too, or cease.
    instances[3].exchange();
    assert_eq!(instances[3].phase(), Phase::Open);
}

#[test]
fn failures_without_an_answer_count_only_towards_the_quorum() {
    let world = World::new();
    let instances = world.instances(4);
    meet(&world, &instances);
    for instance in &instances {
        for _ in 0..3 {
            assert!(instance.call(Outcome::Unanswered));
        }
    }
    exchange(&instances);
    exchange(&instances);
    let view = instances[0].view();
    assert_eq!((view.failing, view.row, view.verdict), (4, 0, Verdict::None));
    // Three of the fourth, with an answer, and one of another make four in a row.
    instances[0].registry.remove("users");
    instances[0].fails(3);
    instances[1].registry.remove("users");
    instances[1].fails(1);
    exchange(&instances);
    exchange(&instances);
    assert!(matches!(instances[2].view().verdict, Verdict::Open(_)));
}

#[test]
fn a_rate_is_of_answered_calls() {
    let world = World::new();
    let template = || Breaker::builder("template").failure_rate(50).min_calls(8).last_calls(100);
    let instances: Vec<_> = (0..4)
        .map(|n| world.instance_of(&n.to_string(), template().open_for(10 * SECOND)))
        .collect();
    meet(&world, &instances);
    for instance in &instances {
        for outcome in [[Outcome::Unanswered; 3], [Outcome::Success; 3]].as_flattened() {
            assert!(instance.call(*outcome));
        }
    }
    exchange(&instances);
    exchange(&instances);
    let view = instances[0].view();
    assert_eq!((view.tally.calls, view.tally.failed, view.verdict), (12, 0, Verdict::None));
}

#[test]
fn those_who_speak_first_are_no_quorum() {
    let world = World::new();
    let instances = world.instances(50);
    instances[..2].iter().for_each(|instance| instance.fails(3));
    instances[2..].iter().for_each(|instance| assert!(instance.call(Outcome::Success)));
    exchange(&instances);
    for _ in 0..3 {
        world.pass(SECOND);
        exchange(&instances);
    }
    assert_eq!(instances[0].view().verdict, Verdict::None);
}

#[test]
fn a_probe_without_an_answer_reopens_only_its_own_instance() {
    let world = World::new();
    let instances = world.instances(2);
    open(&world, &instances);
    world.pass(10 * SECOND);
    exchange(&instances);
    let epoch = instances[0].view().epoch;
    let (holder, other) =
        if instances[0].fleet.status("users").unwrap().leases > 0 { (0, 1) } else { (1, 0) };
    assert!(instances[holder].call(Outcome::Unanswered));
    exchange(&instances);
    instances[other].exchange();
    assert_eq!(instances[other].view().epoch, epoch);
    assert_eq!(instances[holder].phase(), Phase::Open);
    assert!(instances[other].call(Outcome::Success), "it has the lease now");
    exchange(&instances);
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Closed));
}

#[test]
fn all_close_by_one_verdict_and_take_the_ramp() {
    let world = World::new();
    let ramped = || template().ramp([10], 60 * SECOND);
    let instances: Vec<_> = (0..10).map(|n| world.instance_of(&n.to_string(), ramped())).collect();
    open(&world, &instances);
    world.pass(10 * SECOND);
    exchange(&instances);
    assert_eq!(instances.iter().filter(|instance| instance.call(Outcome::Success)).count(), 1);
    exchange(&instances);
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Closed));
    let calls = instances.iter().flat_map(|it| (0..20).map(|_| it.call(Outcome::Success)));
    assert_eq!(calls.filter(|&admitted| admitted).count(), 20, "a tenth of all calls");
}

#[test]
fn the_pool_meets_every_kind_of_policy() {
    let rate = || Breaker::builder("template").failure_rate(50).min_calls(10).last_calls(100);
    let many = || Breaker::builder("template").failures_in_window(10).within(60 * SECOND);
    let slow = || {
        let slow = Breaker::builder("template").slow_rate(50).slow_after(SECOND).min_calls(10);
        slow.within(60 * SECOND)
    };
    for (name, template) in [("rate", rate()), ("many", many()), ("slow", slow())] {
        let world = World::new();
        let template = template.open_for(10 * SECOND);
        let instances: Vec<_> =
            (0..5).map(|n| world.instance_of(&n.to_string(), template.clone())).collect();
        meet(&world, &instances);
        for instance in &instances {
            for _ in 0..2 {
                let permit = instance.users().try_acquire_owned().unwrap().took(2 * SECOND);
                permit.failure();
            }
        }
        exchange(&instances[..4]);
        exchange(&instances[..4]);
        assert_eq!(instances[0].phase(), Phase::Closed, "{name}");
        exchange(&instances);
        exchange(&instances);
        assert!(instances.iter().all(|instance| instance.phase() == Phase::Open), "{name}");
    }
}

#[test]
fn transitions_by_the_fleet_say_so() {
    let world = World::new();
    let instances = world.instances(3);
    let causes = Arc::new(Mutex::new(Vec::new()));
    let heard = causes.clone();
    instances[2].registry.on_event(move |event| {
        if let EventKind::Transition { to, .. } = event.kind {
            heard.lock().unwrap().push((to, event.cause));
        }
    });
    open(&world, &instances);
    world.pass(10 * SECOND);
    exchange(&instances[..2]);
    assert!(instances[..2].iter().any(|instance| instance.call(Outcome::Success)));
    exchange(&instances);
    exchange(&instances);
    let expected = [(Phase::Open, Cause::Fleet), (Phase::Closed, Cause::Fleet)];
    assert_eq!(*causes.lock().unwrap(), expected);
}

#[test]
fn an_idle_breaker_is_not_reported() {
    let world = World::new();
    let instances = world.instances(2);
    for n in 0..100 {
        drop(instances[0].registry.get(&format!("idle {n}")));
    }
    assert!(instances[0].call(Outcome::Success));
    exchange(&instances);
    assert_eq!(instances[0].fleet.status("idle 7").unwrap().view.unwrap().instances, 0);
    for _ in 0..4 {
        world.pass(SECOND);
        exchange(&instances);
    }
    assert_eq!(instances[0].fleet.status("idle 7").unwrap().view, None, "it is not asked again");
    assert!(instances[0].fleet.status("users").unwrap().view.is_some());
}

/// Or after a quiet hour two whose own path is broken would be a quorum.
#[test]
fn one_that_goes_on_calling_keeps_its_say_although_its_window_does_not_change() {
    let world = World::new();
    let instances = world.instances(10);
    meet(&world, &instances);
    for _ in 0..200 {
        assert!(instances[2..].iter().all(|instance| instance.call(Outcome::Success)));
        exchange(&instances);
        world.pass(SECOND);
    }
    let view = instances[2].view();
    assert_eq!((view.instances, view.with_traffic), (8, 8), "two of them are idle");
}

#[test]
fn one_that_has_ceased_to_call_has_no_say_after_a_minute() {
    let world = World::new();
    let instances = world.instances(2);
    meet(&world, &instances);
    assert!(instances[0].call(Outcome::Success));
    for _ in 0..70 {
        assert!(instances[1].call(Outcome::Success));
        exchange(&instances);
        world.pass(SECOND);
    }
    assert_eq!(instances[1].view().with_traffic, 1);
}

fn order(pattern: &str, action: Action, lasts: Option<Duration>) -> Order {
    let (by, reason) = ("ops".to_owned(), "maintenance".to_owned());
    Order { pattern: pattern.into(), action, by, reason, lasts }
}

#[test]
fn an_operator_is_obeyed_by_all_also_by_processes_that_start_later() {
    let world = World::new();
    let mut instances = world.instances(2);
    instances.iter().for_each(|instance| drop(instance.users()));
    instances[0].order(&order("us*", Action::Mode(Mode::ForcedOpen), None));
    exchange(&instances);
    let later = world.instance("later");
    later.exchange();
    instances.push(later);
    for instance in &instances {
        assert_eq!(instance.phase(), Phase::ForcedOpen);
        assert_eq!(instance.registry.get("orders").phase(), Phase::Closed);
        instance.exchange();
        assert_eq!(instance.fleet.status("users").unwrap().order.unwrap().order.by, "ops");
        // It is stronger than what is done here.
        instance.users().reset();
        instance.exchange();
        assert_eq!(instance.phase(), Phase::ForcedOpen);
    }
    instances[1].order(&order("us*", Action::Mode(Mode::Closed), None));
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Closed));
}

#[test]
fn an_order_ends_by_itself_also_without_the_store() {
    let world = World::new();
    let instances = world.instances(1);
    drop(instances[0].users());
    instances[0].order(&order("users", Action::Mode(Mode::Disabled), Some(5 * SECOND)));
    world.pass(SECOND);
    exchange(&instances);
    assert_eq!(instances[0].phase(), Phase::Disabled);
    world.store.wipe();
    world.pass(SECOND);
    // Wiped, it is forgotten.
    exchange(&instances);
    assert_eq!(instances[0].phase(), Phase::Closed);
}

#[test]
fn a_reset_is_carried_out_once_and_not_by_processes_that_start_later() {
    let world = World::new();
    let instances = world.instances(2);
    exchange(&instances);
    open(&world, &instances);
    instances[0].order(&order("*", Action::Reset, None));
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Closed));
    instances[1].users().trip();
    exchange(&instances);
    assert_eq!(instances[1].phase(), Phase::Open, "once");
    let later = world.instance("later");
    later.users().trip();
    later.exchange();
    assert_eq!(later.phase(), Phase::Open);
}

#[test]
fn orders_are_bounded() {
    let store = MemoryStore::new();
    let fleet = Fleet::join(store, "a");
    let order = |pattern: &str| rig::now(fleet.order(&order(pattern, Action::Reset, None)));
    assert!(order(&"x".repeat(256)).is_ok());
    let error = order(&"x".repeat(257)).unwrap_err().to_string();
    assert_eq!(
        error,
        "the fleet's store: the pattern of an order has 257 bytes, but may have at most 256"
    );
    (0..255).for_each(|n| order(&n.to_string()).unwrap());
    assert!(order("one more").is_err());
    assert!(order("7").is_ok(), "an old one can be replaced");
}

#[test]
fn several_registries_of_one_process_and_single_breakers_join() {
    let world = World::new();
    let instances = world.instances(2);
    let fleet = Fleet::join(world.store.clone(), "single").clock(world.clock.clone());
    let users = template().clock(world.clock.clone());
    let users = microbreaker_std::Builder::settings(
        Breaker::builder("users"),
        users.build().unwrap().settings(),
    );
    let users = users.clock(world.clock.clone()).build().unwrap();
    assert!(fleet.breaker(&users) && !fleet.breaker(&users));
    open(&world, &instances);
    rig::now(fleet.exchange()).unwrap();
    assert_eq!(users.phase(), Phase::Open);
    assert_eq!(fleet.status("nobody").map(|_| ()), None);
}

#[test]
fn a_quorum_is_a_number_and_a_share() {
    let world = World::new();
    let of = |quorum| {
        let registry = Registry::new(template().clock(world.clock.clone())).unwrap();
        let fleet = Fleet::join(world.store.clone(), "q").quorum(quorum).clock(world.clock.clone());
        fleet.registry(&registry, "*").unwrap();
        Instance { registry, fleet }
    };
    let lone = of(Quorum { instances: 1, percent: 0 });
    meet(&world, std::slice::from_ref(&lone));
    lone.fails(3);
    lone.exchange();
    let other = world.instance("other");
    assert!(other.call(Outcome::Failure));
    other.exchange();
    assert_eq!(lone.phase(), Phase::Closed);
    lone.exchange();
    assert_eq!(lone.phase(), Phase::Open);
    assert_eq!(lone.view().tally, Tally::default(), "what was seen before does not count any more");
}

#[tokio::test(start_paused = true)]
async fn with_hints_all_open_long_before_the_next_interval() {
    let store = MemoryStore::new();
    let mut fleets = Vec::new();
    for n in 0..20 {
        let clock = TokioClock::new();
        let registry = Registry::new(template().clock(clock)).unwrap();
        let fleet = Fleet::join(store.clone(), n.to_string()).clock(clock);
        fleet.registry(&registry, "*").unwrap();
        drop(registry.get("users"));
        let background = fleet.clone();
        tokio::spawn(async move { background.run(tokio::time::sleep).await });
        fleets.push((registry, fleet));
    }
    tokio::time::sleep(5 * SECOND).await;
    for (registry, _) in &fleets[..4] {
        registry.get("users").try_acquire().unwrap().failure();
    }
    let phases = || fleets.iter().map(|(registry, _)| registry.get("users").phase());
    // From the quorum's failure to the last instance.
    let mut waited = 0;
    while phases().any(|phase| phase != Phase::Open) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        waited += 10;
        assert!(waited <= 200, "{:?}", phases().collect::<Vec<_>>());
    }
}

#[test]
#[should_panic(expected = "the interval is 1ms, but must be in 10ms..=3600s")]
fn an_interval_is_bounded() {
    let _ = Fleet::join(MemoryStore::new(), "a").interval(Duration::from_millis(1));
}

#[test]
fn a_fleet_is_shared_between_threads() {
    fn assert<T: Send + Sync + Clone>() {}
    assert::<Fleet>();
    assert::<MemoryStore>();
    let _: u32 = MonotonicClock::new().now();
}

#[test]
fn an_instance_whose_calls_go_on_succeeding_keeps_counting() {
    let world = World::new();
    let instances = world.instances(10);
    meet(&world, &instances);
    let with_traffic_after = |minutes: usize, calling: &[rig::Instance]| {
        for _ in 0..minutes * 60 {
            calling.iter().for_each(|instance| assert!(instance.call(Outcome::Success)));
            exchange(&instances);
            world.pass(SECOND);
        }
        let new = world.instance("new");
        drop(new.users());
        new.exchange();
        new.view().with_traffic
    };
    assert_eq!(with_traffic_after(2, &instances), 10);
    // One that is idle costs nothing.
    assert_eq!(with_traffic_after(2, &instances[1..]), 9);
}
