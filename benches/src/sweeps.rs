//! How cost grows with the length of the window and with the number of threads.

use microbreaker::{Breaker, Config, CountWindow};
use microbreaker_std::clock::MonotonicClock;

use crate::measure::{Effort, measure};
use crate::ours::{LAST_100, LAST_100_STRIPED};
use crate::report::Sweep;
use crate::{Contender, Reads, Scenario, Side, contenders, work};

const LENGTHS: [u32; 9] = [2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/// Nanoseconds against the length of the window, on one thread.
///
/// # Errors
///
/// If a contender was not in the phase that was measured.
pub fn lengths(effort: Effort) -> anyhow::Result<Sweep> {
    let line = |scenario: Scenario| {
        let contenders = LENGTHS.map(|last| {
            // At most one call in ten fails, so no window fills with failures and trips.
            let config = Config::new().failure_rate(100).min_calls(last).last_calls(last);
            let window = CountWindow::<{ CountWindow::<3>::words_for(1_000) }>::new();
            let breaker = Breaker::new(config.open_for(1_000), window, MonotonicClock::new());
            Contender::new(last.to_string(), Side::Ours, Reads::Nothing, move |calls| {
                calls.each(|ok| breaker.call(|| work(ok)).is_ok())
            })
        });
        let measured = measure(scenario, contenders.into(), &[1], effort)?;
        let nanos = measured.on(1).map(|(_, row)| row.nanos().median);
        let points = LENGTHS.map(f64::from).into_iter().zip(nanos).collect();
        anyhow::Ok((scenario.to_string(), points))
    };
    Ok(Sweep {
        name: "against_n",
        title: "A guarded call through a window of the last N calls",
        across: "N, the calls that the window remembers, logarithmic",
        lines: vec![
            line(Scenario::Healthy)?,
            line(Scenario::Failing1)?,
            line(Scenario::Failing10)?,
        ],
    })
}

/// Nanoseconds against the number of threads that share one breaker, with the fastest
/// peer at each number.
///
/// # Errors
///
/// If a contender was not in the phase that was measured.
pub fn threads(effort: Effort, cores: usize) -> anyhow::Result<Sweep> {
    let threads: Vec<_> = (1..=cores).collect();
    let mut lines = Vec::new();
    for scenario in [Scenario::Healthy, Scenario::Failing10] {
        let contenders = contenders(scenario).into_iter().filter(|contender| {
            contender.reads == Reads::Nothing
                && (contender.side == Side::Peer
                    || [LAST_100, LAST_100_STRIPED].contains(&contender.name.as_str()))
        });
        let measured = measure(scenario, contenders.collect(), &threads, effort)?;
        let mut line = |name: String, nanos: &dyn Fn(usize) -> Option<f64>| {
            let points = threads.iter().filter_map(|&at| Some((at as f64, nanos(at)?)));
            lines.push((format!("{name}, {scenario}"), points.collect()));
        };
        for name in [LAST_100, LAST_100_STRIPED] {
            line(name.into(), &|at| Some(measured.row(name, at)?.nanos().median));
        }
        line("the fastest peer".into(), &|at| {
            Some(measured.fastest_peer(Reads::Nothing, at)?.1.nanos().median)
        });
    }
    Ok(Sweep {
        name: "against_threads",
        title: "One breaker, shared by threads on cores of their own",
        across: "threads, logarithmic",
        lines,
    })
}
