//! One ramp for the fleet: whoever hears late of its closing goes on where the others are.

mod rig;

use microbreaker_std::{Builder, Outcome, Phase};
use rig::{Instance, SECOND, World, exchange, open, template};
use std::sync::atomic::Ordering;

const CLOSED_BUT_ONE: [Phase; 3] = [Phase::Closed, Phase::Closed, Phase::HalfOpen];

/// 10, 25, 50 percent, ten seconds each.
fn ramped() -> Builder {
    template().ramp([10, 25, 50], 10 * SECOND)
}

fn instance(world: &World, name: &str) -> Instance {
    world.instance_of(name, ramped())
}

/// Three instances of which the first two have just closed. The third has not heard of it.
fn closing(world: &World) -> [Instance; 3] {
    let instances = ["a", "b", "c"].map(|name| instance(world, name));
    open(world, &instances);
    world.pass(10 * SECOND);
    exchange(&instances);
    let probes = instances.iter().filter(|instance| instance.call(Outcome::Success)).count();
    assert_eq!(probes, 1);
    // The one that has the lease is the first that exchanges.
    exchange(&instances[..2]);
    exchange(&instances[..2]);
    assert_eq!(instances.each_ref().map(Instance::phase), CLOSED_BUT_ONE);
    instances
}

/// How many percent of the calls are admitted.
fn share(instance: &Instance) -> usize {
    (0..100).filter(|_| instance.call(Outcome::Ignored)).count()
}

#[test]
fn one_that_hears_late_goes_on_where_the_fleet_is() {
    let world = World::new();
    let instances = closing(&world);
    world.pass(13 * SECOND);
    exchange(&instances);
    assert_eq!(instances.each_ref().map(share), [25; 3]);
    world.pass(7 * SECOND);
    assert_eq!(instances.each_ref().map(share), [50; 3]);
    world.pass(10 * SECOND);
    assert_eq!(instances.each_ref().map(share), [100; 3]);
}

#[test]
fn one_that_hears_after_the_ramp_admits_all() {
    let world = World::new();
    let instances = closing(&world);
    world.pass(31 * SECOND);
    exchange(&instances);
    assert_eq!(instances[2].phase(), Phase::Closed);
    assert_eq!(share(&instances[2]), 100);
}

/// What is between two readings of the store's clock is bounded by what the instance's own
/// clock says; what it cannot know begins anew.
#[test]
fn a_store_whose_clock_jumps_an_hour_puts_nobody_ahead() {
    const HOUR: u64 = 60 * 60 * 1_000;
    for ahead in [true, false] {
        let world = World::new();
        let instances = closing(&world);
        world.pass(13 * SECOND);
        if ahead {
            world.store_clock.fetch_add(HOUR, Ordering::Relaxed);
        } else {
            world.store_clock.fetch_sub(HOUR, Ordering::Relaxed);
        }
        exchange(&instances);
        assert_eq!(instances.each_ref().map(share), [25, 25, if ahead { 25 } else { 10 }]);
    }
}

#[test]
fn a_store_whose_clock_was_always_an_hour_off_makes_no_difference() {
    let world = World::new();
    world.store_clock.fetch_add(60 * 60 * 1_000, Ordering::Relaxed);
    let instances = closing(&world);
    world.clock.advance(20 * 24 * 60 * 60 * SECOND);
    world.pass(13 * SECOND);
    exchange(&instances[2..]);
    assert_eq!(share(&instances[2]), 25);
}

#[test]
fn a_process_that_starts_while_the_fleet_ramps_takes_up_the_ramp() {
    let world = World::new();
    let _instances = closing(&world);
    world.pass(13 * SECOND);
    let [new, calling, failing] = ["d", "e", "f"].map(|name| instance(&world, name));
    drop(new.users());
    assert!(calling.call(Outcome::Success));
    failing.fails(1);
    let all = [new, calling, failing];
    exchange(&all);
    // Own evidence wins.
    assert_eq!(all.each_ref().map(share), [25, 100, 100]);
    world.pass(17 * SECOND);
    exchange(&all);
    assert_eq!(all.each_ref().map(share), [100; 3]);
    let late = instance(&world, "g");
    drop(late.users());
    late.exchange();
    assert_eq!(share(&late), 100, "the ramp is over");
}

#[test]
fn one_that_was_idle_while_the_fleet_was_open_takes_up_the_ramp() {
    let world = World::new();
    let idle = instance(&world, "idle");
    drop(idle.users());
    idle.exchange();
    let _instances = closing(&world);
    world.pass(13 * SECOND);
    idle.exchange();
    assert_eq!(share(&idle), 25);
}

#[test]
fn one_that_was_reset_while_the_fleet_was_open_takes_up_no_ramp() {
    let world = World::new();
    let instances = ["a", "b", "c"].map(|name| instance(&world, name));
    open(&world, &instances);
    instances[2].users().reset();
    world.pass(10 * SECOND);
    exchange(&instances[..2]);
    let probes = instances[..2].iter().filter(|instance| instance.call(Outcome::Success)).count();
    assert_eq!(probes, 1);
    exchange(&instances[..2]);
    exchange(&instances);
    assert_eq!(instances.each_ref().map(share), [10, 10, 100]);
}

#[test]
fn one_that_opened_by_itself_since_the_fleet_closed_stays_open() {
    for age in [13, 40] {
        let world = World::new();
        let idle = instance(&world, "idle");
        drop(idle.users());
        idle.exchange();
        let _instances = closing(&world);
        world.pass(age * SECOND);
        idle.fails(4);
        world.pass(SECOND);
        idle.exchange();
        assert_eq!(idle.phase(), Phase::Open, "after {age} s");
        world.pass(SECOND);
        idle.exchange();
        assert_eq!(idle.phase(), Phase::Open, "it does not ask again");
    }
}

#[test]
fn one_that_opens_at_once_after_the_fleet_has_closed_has_opened_by_itself() {
    let world = World::new();
    let template = || template().failure_rate(50).last_calls(4).min_calls(4);
    let instances = ["a", "b", "c"].map(|name| world.instance_of(name, template()));
    open(&world, &instances);
    world.pass(10 * SECOND);
    exchange(&instances);
    assert!(instances[0].call(Outcome::Success));
    exchange(&instances);
    assert_eq!(instances.each_ref().map(Instance::phase), [Phase::Closed; 3]);
    instances[1..].iter().for_each(|instance| instance.fails(4));
    world.pass(SECOND);
    exchange(&instances);
    exchange(&instances);
    assert_eq!(instances[0].phase(), Phase::Open, "two of three see it failing");
}
