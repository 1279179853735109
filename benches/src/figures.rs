//! The figures with a bound: medians of the ratios within a round.

use std::fmt;

use crate::adapter::{ADAPTER, BY_TIME, FUTURE, RELOADED, SERVICE};
use crate::floors::{CAS, COARSE, TWO_LOADS};
use crate::lookups::REGISTRY;
use crate::measure::{Measured, Median};
use crate::ours::{
    EXACT_COARSE, FLAPPING, LAST_100, LAST_100_COARSE, LAST_100_STRIPED, LAST_100_TICKED,
};
use crate::{Reads, Scenario};

/// The bound of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}
use Target::{AtLeast, AtMost};

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AtMost(most) => write!(f, "at most {most}"),
            AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name, for scripts.
    pub name: &'static str,
    /// Its value.
    pub value: Median,
    /// Its bound.
    pub target: Target,
    /// The fastest peer, if the figure compares with one.
    pub peer: Option<String>,
}

impl Figure {
    /// Whether the bound is met.
    pub const fn is_met(&self) -> bool {
        match self.target {
            AtMost(most) => self.value.median <= most,
            AtLeast(least) => self.value.median >= least,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = if self.is_met() { "met" } else { "NOT met" };
        write!(f, "{}: {:.2}, {met} ({})", self.name, self.value.median, self.target)?;
        match &self.peer {
            Some(peer) => write!(f, ", compared with {peer}"),
            None => Ok(()),
        }
    }
}

/// The measurements of a run.
pub struct Run {
    /// The scenarios.
    pub scenarios: Vec<Measured>,
    /// The number of cores.
    pub cores: usize,
}

/// What a call takes.
#[derive(Clone, Copy)]
enum Cost {
    /// With the contender of this name.
    Of(&'static str),
    /// With the fastest peer that threads can share and that reads a clock, or reads none.
    Peer(Reads),
}
use Cost::{Of, Peer};

impl Run {
    /// The figures, without those for which something was not measured.
    pub fn figures(&self) -> Vec<Figure> {
        use Reads::{Nothing, Precise};
        use Scenario::{Failing10, Flapping, Futures, Healthy, LookUp, Open, Services};
        let all = self.cores;
        let figure = |name, (scenario, threads), cost, over, target| {
            self.figure(name, scenario, threads, cost, over, target)
        };
        let healthy = (Healthy, 1);
        let healthy_2 = (Healthy, 2);
        let failing = (Failing10, 1);
        let contended = (Failing10, all);
        let open = (Open, 1);
        [
            figure("healthy_over_two_loads", healthy, Of(LAST_100), Of(TWO_LOADS), AtMost(2.0)),
            figure("healthy_adapter_over_core", healthy, Of(ADAPTER), Of(LAST_100), AtMost(1.3)),
            figure("reloaded_10000_over_fresh", healthy, Of(RELOADED), Of(ADAPTER), AtMost(1.1)),
            figure(
                "time_window_healthy_over_coarse_clock",
                healthy,
                Of(EXACT_COARSE),
                Of(COARSE),
                AtMost(2.0),
            ),
            figure(
                "time_window_healthy_2_threads_over_coarse_clock",
                healthy_2,
                Of(EXACT_COARSE),
                Of(COARSE),
                AtMost(2.0),
            ),
            figure(
                "time_window_2_threads_fastest_peer_over_ours",
                healthy_2,
                Peer(Precise),
                Of(EXACT_COARSE),
                AtLeast(20.0),
            ),
            figure(
                "healthy_fastest_peer_over_ours",
                healthy,
                Peer(Nothing),
                Of(LAST_100),
                AtLeast(10.0),
            ),
            figure(
                "healthy_2_threads_fastest_peer_over_ours",
                healthy_2,
                Peer(Nothing),
                Of(LAST_100),
                AtLeast(30.0),
            ),
            self.scaling("healthy_scaling_2_threads"),
            figure("failing10_over_cas", failing, Of(LAST_100), Of(CAS), AtMost(2.0)),
            figure(
                "failing10_fastest_peer_over_ours",
                failing,
                Peer(Nothing),
                Of(LAST_100),
                AtLeast(1.5),
            ),
            figure(
                "contended_fastest_peer_over_ours",
                contended,
                Peer(Precise),
                Of(BY_TIME),
                AtLeast(5.0),
            ),
            figure(
                "contended_by_count_fastest_peer_over_ours",
                contended,
                Peer(Nothing),
                Of(LAST_100),
                AtLeast(1.0),
            ),
            figure(
                "contended_by_count_striped_fastest_peer_over_ours",
                contended,
                Peer(Nothing),
                Of(LAST_100_STRIPED),
                AtLeast(4.0),
            ),
            figure(
                "refused_handle_2_threads_fastest_peer_over_ours",
                (Open, 2),
                Peer(Precise),
                Of(ADAPTER),
                AtLeast(2.3),
            ),
            figure(
                "flapping_fastest_peer_over_ours",
                (Flapping, 1),
                Peer(Precise),
                Of(FLAPPING),
                AtLeast(0.6),
            ),
            figure("async_call_over_call", (Futures, 1), Of(FUTURE), Of(ADAPTER), AtMost(2.0)),
            figure(
                "tower_fastest_peer_over_ours",
                (Services, 1),
                Peer(Precise),
                Of(SERVICE),
                AtLeast(5.0),
            ),
            figure(
                "registry_get_over_map_get",
                (LookUp, 1),
                Of(REGISTRY),
                Peer(Nothing),
                AtMost(2.0),
            ),
            figure(
                "open_coarse_fastest_peer_over_ours",
                open,
                Peer(Precise),
                Of(LAST_100_COARSE),
                AtLeast(3.0),
            ),
            figure(
                "open_ticked_fastest_peer_over_ours",
                open,
                Peer(Precise),
                Of(LAST_100_TICKED),
                AtLeast(5.0),
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn of(&self, scenario: Scenario) -> Option<&Measured> {
        self.scenarios.iter().find(|measured| measured.scenario == scenario)
    }

    /// What a call takes, over what another does.
    fn figure(
        &self,
        name: &'static str,
        scenario: Scenario,
        threads: usize,
        cost: Cost,
        over: Cost,
        target: Target,
    ) -> Option<Figure> {
        let measured = self.of(scenario)?;
        let mut peer = None;
        let mut row = |cost| match cost {
            Of(name) => measured.row(name, threads),
            Peer(reads) => {
                let (fastest, row) = measured.fastest_peer(reads, threads)?;
                peer = Some(fastest.name.clone());
                Some(row)
            }
        };
        let value = row(cost)?.over(row(over)?);
        Some(Figure { name, value, target, peer })
    }

    /// The throughput of two threads that share a breaker over that of one thread.
    fn scaling(&self, name: &'static str) -> Option<Figure> {
        let measured = self.of(Scenario::Healthy)?;
        let once = measured.row(LAST_100, 1)?.over(measured.row(LAST_100, 2)?);
        let value = Median { median: 2.0 * once.median, ..once };
        Some(Figure { name, value, target: AtLeast(1.8), peer: None })
    }
}
