//! Four instances of the upstream, of which two at a time go wrong.

use std::time::Duration;

use anyhow::ensure;
use microbreaker_service_example::service::{self, TIMEOUT};
use microbreaker_service_example::upstream::{Fault, Upstream};
use microbreaker_std::{Breaker, Failover, Phase};

use crate::run::{Chapter, tell};
use crate::table;

/// What each instance does, and for how many tenths of a run.
const STORY: [(&str, [Fault; 4], u32); 7] = [
    ("all healthy", [Fault::None; 4], 2),
    ("a: errors", [Fault::Errors, Fault::None, Fault::None, Fault::None], 1),
    ("a: errors, b: hangs", [Fault::Errors, Fault::Hangs, Fault::None, Fault::None], 2),
    ("b: hangs", [Fault::None, Fault::Hangs, Fault::None, Fault::None], 1),
    ("c: refuses", [Fault::None, Fault::None, Fault::Refuses, Fault::None], 1),
    ("c: refuses, d: slow", [Fault::None, Fault::None, Fault::Refuses, SLOW], 1),
    ("recovered", [Fault::None; 4], 2),
];
const SLOW: Fault = Fault::Slow(TIMEOUT.saturating_mul(2));

/// Sends `rate` requests per second for `time`, and checks that users saw no error.
pub(crate) async fn run(time: Duration, rate: u32) -> anyhow::Result<()> {
    let mut upstreams = Vec::new();
    let mut instances = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let upstream = Upstream::start().await?;
        let breaker = Breaker::builder(format!("rates/{name}"))
            .failure_rate(50)
            .min_calls(10)
            .last_calls(20)
            .open_for(time / 20);
        instances.push((breaker.build()?, service::upstream(upstream.address(), || ())));
        upstreams.push(upstream);
    }
    // Two instances are down at most, so the third attempt finds one that is not.
    let instances = Failover::new("rates", instances)?.most_open(50).attempts(3);
    let app = service::app_of(&instances);

    let story = STORY.map(|(name, _, tenths)| (name, tenths));
    let asks: Vec<_> = upstreams.iter().map(Upstream::asks).collect();
    let mut faults = STORY.into_iter().map(|(_, faults, _)| faults);
    let next = async || {
        let faults = faults.next().expect("each chapter has its faults");
        for (upstream, fault) in upstreams.iter_mut().zip(faults) {
            upstream.set(fault).await?;
        }
        Ok(())
    };
    let asked = || asks.iter().map(|asked| asked()).sum();
    let chapters = tell(app, &story, time, rate, next, asked).await?;
    table::chapters("with four instances", &chapters);

    for Chapter { name, sent, fresh, .. } in &chapters {
        ensure!(fresh == sent, "{name}: {} of {sent} users saw an error", sent - fresh);
    }
    let sent: u64 = chapters.iter().map(|chapter| chapter.sent).sum();
    let repeated = asked() - sent;
    println!("\nattempts beside the first: {repeated} for {sent} requests");
    ensure!(repeated > 0, "no instance went wrong");
    ensure!(repeated < sent / 10, "{repeated} further attempts for {sent} requests");
    for instance in instances.instances() {
        let (name, phase) = (instance.name(), instance.breaker().phase());
        ensure!(phase == Phase::Closed, "{name} ended up {phase}");
    }
    Ok(())
}
