//! The figures with a bound: medians of the ratios within a round.

use std::fmt;

use crate::adapter::{ADAPTER, FUTURE, RELOADED, SERVICE};
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

impl Run {
    /// The figures, without those for which something was not measured.
    pub fn figures(&self) -> Vec<Figure> {
        use Scenario::{Failing10, Flapping, Futures, Healthy, Open, Services};
        let every_core = self.cores;
        [
            self.over_floor("healthy_over_two_loads", Healthy, TWO_LOADS, 2.0),
            self.healthy("healthy_adapter_over_core", 1, ADAPTER, LAST_100, 2.0),
            self.healthy("reloaded_10000_over_fresh", 1, RELOADED, ADAPTER, 1.1),
            self.healthy("time_window_healthy_over_coarse_clock", 1, EXACT_COARSE, COARSE, 2.0),
            self.healthy(
                "time_window_healthy_2_threads_over_coarse_clock",
                2,
                EXACT_COARSE,
                COARSE,
                2.0,
            ),
            self.over_peer("healthy_fastest_peer_over_ours", Healthy, 1, LAST_100, 10.0),
            self.over_peer("healthy_2_threads_fastest_peer_over_ours", Healthy, 2, LAST_100, 30.0),
            self.scaling("healthy_scaling_2_threads"),
            self.over_floor("failing10_over_cas", Failing10, CAS, 2.0),
            self.over_peer("failing10_fastest_peer_over_ours", Failing10, 1, LAST_100, 1.5),
            self.over_peer(
                "contended_fastest_peer_over_ours",
                Failing10,
                every_core,
                LAST_100_STRIPED,
                4.0,
            ),
            self.over_peer(
                "contended_unstriped_fastest_peer_over_ours",
                Failing10,
                every_core,
                LAST_100,
                1.0,
            ),
            self.over_peer_with_clock(
                "time_window_2_threads_fastest_peer_over_ours",
                Healthy,
                2,
                EXACT_COARSE,
                20.0,
            ),
            self.over_peer_with_clock(
                "refused_handle_2_threads_fastest_peer_over_ours",
                Open,
                2,
                ADAPTER,
                2.3,
            ),
            self.over_peer_with_clock(
                "flapping_fastest_peer_over_ours",
                Flapping,
                1,
                FLAPPING,
                0.6,
            ),
            self.over("async_call_over_call", Futures, 1, FUTURE, ADAPTER, 2.0),
            self.over_peer_with_clock("tower_fastest_peer_over_ours", Services, 1, SERVICE, 5.0),
            self.registry("registry_get_over_map_get"),
            self.over_peer("open_coarse_fastest_peer_over_ours", Open, 1, LAST_100_COARSE, 3.0),
            self.over_peer("open_ticked_fastest_peer_over_ours", Open, 1, LAST_100_TICKED, 5.0),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn of(&self, scenario: Scenario) -> Option<&Measured> {
        self.scenarios.iter().find(|measured| measured.scenario == scenario)
    }

    fn over_floor(
        &self,
        name: &'static str,
        scenario: Scenario,
        floor: &str,
        most: f64,
    ) -> Option<Figure> {
        let measured = self.of(scenario)?;
        let value = measured.row(LAST_100, 1)?.over(measured.row(floor, 1)?);
        Some(Figure { name, value, target: AtMost(most), peer: None })
    }

    /// A healthy call of `ours` over one of `other`.
    fn healthy(
        &self,
        name: &'static str,
        threads: usize,
        ours: &str,
        other: &str,
        most: f64,
    ) -> Option<Figure> {
        self.over(name, Scenario::Healthy, threads, ours, other, most)
    }

    /// A call of `ours` over one of `other`.
    fn over(
        &self,
        name: &'static str,
        scenario: Scenario,
        threads: usize,
        ours: &str,
        other: &str,
        most: f64,
    ) -> Option<Figure> {
        let measured = self.of(scenario)?;
        let value = measured.row(ours, threads)?.over(measured.row(other, threads)?);
        Some(Figure { name, value, target: AtMost(most), peer: None })
    }

    /// A look-up in the registry over one in the fastest map.
    fn registry(&self, name: &'static str) -> Option<Figure> {
        let measured = self.of(Scenario::LookUp)?;
        let (map, row) = measured.fastest_peer(Reads::Nothing, 1)?;
        let value = measured.row(REGISTRY, 1)?.over(row);
        Some(Figure { name, value, target: AtMost(2.0), peer: Some(map.name.clone()) })
    }

    /// The throughput of two threads that share a breaker over that of one thread.
    fn scaling(&self, name: &'static str) -> Option<Figure> {
        let measured = self.of(Scenario::Healthy)?;
        let once = measured.row(LAST_100, 1)?.over(measured.row(LAST_100, 2)?);
        let value = Median { median: 2.0 * once.median, ..once };
        Some(Figure { name, value, target: AtLeast(1.8), peer: None })
    }

    /// The fastest peer that threads can share over `ours`. While open, peers must read
    /// a clock; otherwise only those that read none are compared.
    fn over_peer(
        &self,
        name: &'static str,
        scenario: Scenario,
        threads: usize,
        ours: &str,
        least: f64,
    ) -> Option<Figure> {
        let reads = if scenario == Scenario::Open { Reads::Precise } else { Reads::Nothing };
        self.over_peer_that(reads, name, scenario, threads, ours, least)
    }

    /// The same, compared with those that read a clock, as `ours` does or might.
    fn over_peer_with_clock(
        &self,
        name: &'static str,
        scenario: Scenario,
        threads: usize,
        ours: &str,
        least: f64,
    ) -> Option<Figure> {
        self.over_peer_that(Reads::Precise, name, scenario, threads, ours, least)
    }

    fn over_peer_that(
        &self,
        reads: Reads,
        name: &'static str,
        scenario: Scenario,
        threads: usize,
        ours: &str,
        least: f64,
    ) -> Option<Figure> {
        let measured = self.of(scenario)?;
        let ours = measured.row(ours, threads)?;
        let (peer, row) = measured.fastest_peer(reads, threads)?;
        let value = row.over(ours);
        Some(Figure { name, value, target: AtLeast(least), peer: Some(peer.name.clone()) })
    }
}
