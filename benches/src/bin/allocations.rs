//! Counts the heap allocations of guarded calls. It is a program of its own, so that
//! the counting allocator does not slow down what is timed.

use std::alloc::System;

use microbreaker_benches::{Calls, Scenario, Side, contenders};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SCENARIOS: [Scenario; 4] =
    [Scenario::Healthy, Scenario::Failing1, Scenario::Failing10, Scenario::Open];

fn main() {
    let mut ours = 0.0_f64;
    for scenario in SCENARIOS {
        let pattern = scenario.pattern();
        let calls = Calls { pattern: &pattern, repeats: 10 };
        for contender in contenders(scenario) {
            // The first run may allocate thread-local data.
            contender.run(calls);
            let region = Region::new(GLOBAL);
            contender.run(calls);
            let change = region.change();
            let per_call =
                (change.allocations + change.reallocations) as f64 / calls.count() as f64;
            match contender.side {
                Side::Ours => ours = ours.max(per_call),
                _ if per_call > 0.0 => {
                    println!("{scenario}: {} allocates {per_call:.2} times a call", contender.name);
                }
                _ => {}
            }
        }
    }
    println!("figure allocations_per_call {ours}");
}
