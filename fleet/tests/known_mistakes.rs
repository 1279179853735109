//! What went wrong in shared breakers elsewhere, each as a test.

mod rig;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use microbreaker_fleet::{
    Fleet, MemoryStore, Proposal, Report, Request, Slot, Store, Verdict, Wish,
};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Outcome, Phase, Registry};
use rig::flaky::Flaky;
use rig::{SECOND, World, exchange, meet, now, open, template};

#[test]
fn an_opening_is_not_pushed_forward_by_a_process_that_joins() {
    let world = World::new();
    let instances = world.instances(2);
    open(&world, &instances);
    for n in 0..8 {
        world.pass(SECOND);
        let late = world.instance(&format!("late {n}"));
        drop(late.users());
        late.exchange();
        exchange(&instances);
        assert_eq!(instances[0].retry_after(), (9 - n) * SECOND);
        assert_eq!(late.retry_after(), (9 - n) * SECOND);
    }
}

#[test]
fn a_new_process_does_not_reset_what_is_shared() {
    let world = World::new();
    let instances = world.instances(2);
    open(&world, &instances);
    let epoch = instances[0].view().epoch;
    world.pass(SECOND);
    let new = world.instance("new");
    drop(new.users());
    new.exchange();
    exchange(&instances);
    assert_eq!((new.phase(), new.view().epoch), (Phase::Open, epoch));
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Open));
}

#[test]
fn missing_keys_do_no_harm() {
    let world = World::new();
    let instances = world.instances(2);
    open(&world, &instances);
    world.store.wipe();
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.retry_after() == 10 * SECOND));
    world.pass(10 * SECOND);
    exchange(&instances);
    // The opening is known again, so one success closes all.
    assert!(instances[0].call(Outcome::Success) || instances[1].call(Outcome::Success));
    exchange(&instances);
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Closed));
    open(&world, &instances);
}

#[test]
fn a_monotonic_clock_of_one_process_means_nothing_to_the_others() {
    let world = World::new();
    let instances = world.instances(2);
    let clock = PausedClock::new();
    clock.advance(Duration::from_secs(20 * 24 * 60 * 60));
    let registry = Registry::new(template().clock(clock.clone())).unwrap();
    let fleet = Fleet::join(world.store.clone(), "up for weeks").clock(clock.clone());
    fleet.registry(&registry, "*").unwrap();
    let old = rig::Instance { registry, fleet };
    meet(&world, &instances);
    drop(old.users());
    old.exchange();
    old.fails(2);
    instances[0].fails(2);
    old.exchange();
    exchange(&instances);
    exchange(&instances);
    old.exchange();
    let lasts = [old.retry_after(), instances[0].retry_after(), instances[1].retry_after()];
    assert_eq!(lasts, [10 * SECOND; 3]);
    world.pass(10 * SECOND);
    exchange(&instances);
    assert_eq!(instances[0].phase(), Phase::HalfOpen);
}

#[test]
fn a_clock_an_hour_off_pins_nobody_open_and_loses_no_lease() {
    for forward in [true, false] {
        let world = World::new();
        let instances = world.instances(3);
        open(&world, &instances);
        let hour = 3_600_000;
        let shift = |clock: &AtomicU64| {
            if forward {
                clock.fetch_add(hour, Ordering::Relaxed)
            } else {
                clock.fetch_sub(hour, Ordering::Relaxed)
            }
        };
        shift(&world.store_clock);
        exchange(&instances);
        for instance in &instances {
            assert!(instance.retry_after() <= 10 * SECOND, "{forward}");
        }
        let late = world.instance("late");
        drop(late.users());
        late.exchange();
        assert!(late.phase() == Phase::HalfOpen || late.retry_after() <= 10 * SECOND, "{forward}");
        // One dies with a lease, just before the clock is set.
        world.pass(10 * SECOND);
        instances[2].exchange();
        shift(&world.store_clock);
        world.pass(11 * SECOND);
        exchange(&instances[..2]);
        exchange(&instances[..2]);
        assert!(instances[..2].iter().any(|instance| instance.call(Outcome::Success)), "{forward}");
        exchange(&instances[..2]);
        exchange(&instances[..2]);
        assert!(instances[..2].iter().all(|it| it.phase() == Phase::Closed), "{forward}");
    }
}

#[test]
fn fifty_instances_make_one_probe() {
    let world = World::new();
    let instances = world.instances(50);
    open(&world, &instances);
    let mut probes = 0;
    for round in 0..4 {
        world.pass(9 * SECOND);
        exchange(&instances);
        world.pass(SECOND);
        exchange(&instances);
        // Eight threads in each.
        let permits = instances.iter().flat_map(|instance| {
            (0..8).filter_map(|_| instance.users().try_acquire_owned().ok()).collect::<Vec<_>>()
        });
        let permits: Vec<_> = permits.collect();
        assert_eq!(permits.len(), 1, "round {round}");
        probes += permits.len();
        permits.into_iter().for_each(|permit| permit.failure());
        exchange(&instances);
        exchange(&instances);
        assert!(instances.iter().all(|instance| instance.phase() == Phase::Open));
    }
    assert_eq!(probes, 4);
}

#[test]
fn three_probes_are_three_for_the_whole_fleet_and_their_verdict_holds_for_all() {
    let world = World::new();
    let template = || template().probes(3).successes(2);
    let instances: Vec<_> = (0..5).map(|n| world.instance_of(&n.to_string(), template())).collect();
    open(&world, &instances);
    world.pass(10 * SECOND);
    exchange(&instances);
    let permits = instances.iter().flat_map(|instance| {
        (0..9).filter_map(|_| instance.users().try_acquire_owned().ok()).collect::<Vec<_>>()
    });
    let permits: Vec<_> = permits.collect();
    assert_eq!(permits.len(), 3);
    permits.into_iter().for_each(|permit| permit.success());
    exchange(&instances);
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Closed));
}

#[test]
fn a_probe_that_never_reaches_the_callee_does_not_wedge_the_fleet() {
    let world = World::new();
    let instances = world.instances(3);
    open(&world, &instances);
    world.pass(10 * SECOND);
    exchange(&instances);
    let holder = instances.iter().find(|it| it.fleet.status("users").unwrap().leases > 0).unwrap();
    // The permit is lost with its process.
    std::mem::forget(holder.users().try_acquire_owned().unwrap());
    let others: Vec<_> = instances.iter().filter(|it| !std::ptr::eq(*it, holder)).collect();
    // It could have gone out ten seconds later, and may take ten seconds.
    for _ in 0..19 {
        world.pass(SECOND);
        others.iter().for_each(|other| other.exchange());
        assert!(!others.iter().any(|other| other.call(Outcome::Success)), "the lease still holds");
    }
    world.pass(2 * SECOND);
    others.iter().for_each(|other| other.exchange());
    assert!(others.iter().any(|other| other.call(Outcome::Success)));
}

#[test]
fn a_lease_that_lies_unused_goes_to_an_instance_that_has_calls() {
    let world = World::new();
    let instances = world.instances(2);
    open(&world, &instances);
    world.pass(10 * SECOND);
    // The first one takes the lease, and gets no calls.
    instances[0].exchange();
    let waited = (1..).find(|_| {
        world.pass(SECOND);
        exchange(&instances);
        instances[1].call(Outcome::Success)
    });
    assert!(waited.unwrap() <= 4, "{waited:?}");
}

/// Asks the store as an instance of that name would.
fn ask(
    store: &MemoryStore,
    instance: &str,
    sequence: u64,
    report: Report,
) -> microbreaker_fleet::View {
    let request = Request {
        instance: instance.into(),
        sequence,
        lifetime: 3 * SECOND,
        reports: vec![report],
        seen: 0,
    };
    now(store.exchange(&request)).unwrap().views[0].unwrap()
}

fn report(slot: Option<Slot>) -> Report {
    Report { name: "users".into(), slot, handed_back: 0, used: 0, wish: None, proposal: None }
}

#[test]
fn whoever_checks_and_then_opens_does_not_undo_a_success_in_between() {
    let world = World::new();
    let propose = |epoch, open_for| {
        let proposal = Some(Proposal { epoch, open_for });
        ask(&world.store, "a", 1, Report { proposal, ..report(None) })
    };
    let opened = propose(0, Some(10 * SECOND));
    // One saw the probes fail, and another, quicker, saw them succeed.
    let closed = propose(opened.epoch, None);
    assert_eq!(closed.verdict, Verdict::Closed(Duration::ZERO));
    let late = propose(opened.epoch, Some(10 * SECOND));
    assert_eq!((late.verdict, late.epoch), (closed.verdict, closed.epoch));
}

#[test]
fn what_was_seen_before_a_decision_does_not_count_after_it() {
    let world = World::new();
    let instances = world.instances(2);
    open(&world, &instances);
    world.pass(10 * SECOND);
    exchange(&instances);
    let probing = if instances[0].call(Outcome::Success) { 0 } else { 1 };
    instances[probing].exchange();
    // The other one has not heard of it, and says once more what it said before.
    let stale = Slot {
        calls: 99,
        failed: 99,
        row: 99,
        has_traffic: true,
        sees_failing: true,
        ..Slot::default()
    };
    for (n, name) in ["x", "y", "z"].into_iter().enumerate() {
        ask(&world.store, name, n as u64 + 1, report(Some(stale)));
    }
    exchange(&instances);
    world.pass(SECOND);
    exchange(&instances);
    exchange(&instances);
    assert_eq!(instances[0].view().instances, 5, "they have spoken");
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Closed));
}

#[test]
fn a_success_after_its_lease_has_expired_is_a_success() {
    let world = World::new();
    let template = || template().no_probe_timeout();
    let instances: Vec<_> = (0..2).map(|n| world.instance_of(&n.to_string(), template())).collect();
    open(&world, &instances);
    world.pass(10 * SECOND);
    exchange(&instances);
    let permits = instances.iter().filter_map(|it| it.users().try_acquire_owned().ok());
    let mut permits: Vec<_> = permits.collect();
    assert_eq!(permits.len(), 1);
    world.pass(Duration::from_secs(2 * 60 * 60));
    permits.pop().unwrap().success();
    exchange(&instances);
    exchange(&instances);
    assert!(instances.iter().all(|instance| instance.phase() == Phase::Closed));
}

#[test]
fn no_update_is_lost_and_none_counts_twice() {
    let world = World::new();
    let slot = |calls| Slot { calls, has_traffic: true, ..Slot::default() };
    for n in 0..20 {
        ask(&world.store, &n.to_string(), 1, report(Some(slot(1))));
    }
    // Said again after a lost answer, and in the wrong order.
    ask(&world.store, "0", 3, report(Some(slot(5))));
    ask(&world.store, "0", 3, report(Some(slot(5))));
    let view = ask(&world.store, "0", 2, report(Some(slot(9))));
    assert_eq!((view.instances, view.tally.calls), (20, 24));
}

#[test]
fn no_answer_grants_a_lease_twice() {
    let world = World::new();
    let wish = Some(Wish { count: 2, limit: 3, time: 10 * SECOND });
    let granted =
        |name, sequence| ask(&world.store, name, sequence, Report { wish, ..report(None) }).granted;
    assert_eq!([granted("a", 1), granted("b", 1), granted("c", 1)], [2, 1, 0]);
    // Handing back more than one holds takes nothing from others.
    let back = Report { handed_back: 9, wish, ..report(None) };
    assert_eq!(ask(&world.store, "b", 2, back).granted, 1);
    world.pass(10 * SECOND);
    assert_eq!(granted("c", 2), 2, "the holders have died");
}

#[test]
fn in_an_opening_a_probe_that_has_ended_leaves_no_room_for_another() {
    let world = World::new();
    let wish = Some(Wish { count: 3, limit: 3, time: 10 * SECOND });
    let proposal = Some(Proposal { epoch: 0, open_for: Some(SECOND) });
    let opened = ask(&world.store, "a", 1, Report { proposal, wish, ..report(None) });
    assert_eq!(opened.granted, 3);
    let after = |sequence, used, handed_back| {
        ask(&world.store, "a", sequence, Report { used, handed_back, ..report(None) });
        ask(&world.store, "b", sequence, Report { wish, ..report(None) }).granted
    };
    assert_eq!(after(2, 1, 0), 0);
    assert_eq!(after(3, 0, 1), 1);
    world.pass(10 * SECOND);
    assert_eq!(after(4, 0, 0), 2, "its result stays when its lease would have ended");
}

#[test]
fn a_dead_store_does_not_refuse_everything() {
    let world = World::new();
    let store = Flaky::new(world.store.clone());
    let instance = world.instance_on("a", template(), store.clone());
    drop(instance.users());
    instance.exchange();
    store.refuses.store(true, Ordering::Relaxed);
    for _ in 0..20 {
        world.pass(SECOND);
        assert!(instance.try_exchange().is_err());
        assert!(instance.call(Outcome::Success));
    }
    assert_eq!(instance.fleet.status("users").unwrap().view, None, "it is too old");
    // It trips, probes and recovers as the local breaker that it is.
    instance.fails(4);
    assert_eq!(instance.phase(), Phase::Open);
    world.pass(10 * SECOND);
    assert!(instance.call(Outcome::Success));
    assert_eq!(instance.phase(), Phase::Closed);
    // And is back as soon as the store is.
    store.refuses.store(false, Ordering::Relaxed);
    instance.exchange();
    assert!(instance.fleet.status("users").unwrap().view.is_some());
}

#[test]
fn without_the_store_the_instances_do_not_probe_as_one() {
    let world = World::new();
    let store = Flaky::new(world.store.clone());
    let instances: Vec<_> =
        (0..50).map(|n| world.instance_on(&n.to_string(), template(), store.clone())).collect();
    open(&world, &instances);
    store.refuses.store(true, Ordering::Relaxed);
    world.pass(10 * SECOND);
    // Heard 10 seconds ago, which is longer than three intervals and any jitter; those that
    // open now, a second after the last exchange, are spread.
    store.refuses.store(false, Ordering::Relaxed);
    exchange(&instances);
    let held = instances.iter().filter(|it| it.fleet.status("users").unwrap().leases > 0).count();
    assert_eq!(held, 1);
    store.refuses.store(true, Ordering::Relaxed);
    let mut probed = vec![0];
    for _ in 0..60 {
        world.pass(Duration::from_millis(100));
        let admits =
            |it: &&rig::Instance| it.users().try_acquire_owned().map(std::mem::forget).is_ok();
        probed.push(instances.iter().filter(admits).count());
    }
    let most = probed.iter().max().unwrap();
    assert_eq!(probed.iter().sum::<usize>(), 50, "{probed:?}");
    assert!(*most <= 10, "{probed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_hung_comes_back_in_three_intervals() {
    let store = Flaky::new(MemoryStore::new());
    let clock = microbreaker_std::clock::TokioClock::new();
    let registry = Registry::new(template().clock(clock)).unwrap();
    let fleet = Fleet::join(store.clone(), "a").clock(clock);
    fleet.registry(&registry, "*").unwrap();
    drop(registry.get("users"));
    let background = fleet.clone();
    tokio::spawn(async move { background.run(tokio::time::sleep).await });
    tokio::time::sleep(3 * SECOND).await;
    assert!(fleet.status("users").unwrap().view.is_some());
    let is_heard = || fleet.status("users").unwrap().view.is_some();
    // Wherever in an interval it comes back.
    for n in 0..40 {
        store.hangs.store(true, Ordering::Relaxed);
        tokio::time::sleep(10 * SECOND + n * Duration::from_millis(70)).await;
        assert!(!is_heard());
        assert_ne!(fleet.connection().phase(), Phase::Closed, "a breaker of ours guards it");
        let asked = store.asked.load(Ordering::Relaxed);
        store.hangs.store(false, Ordering::Relaxed);
        // The request that hangs is given up, and the next one comes an interval later.
        let deadline = tokio::time::Instant::now() + Duration::from_millis(2_200);
        while !is_heard() {
            assert!(tokio::time::Instant::now() < deadline, "{n}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!((1..100).contains(&(store.asked.load(Ordering::Relaxed) - asked)));
    }
}
