//! The gauges of breakers that are in a fleet.

use std::time::Duration;

use metrics::{SharedString, Unit, describe_gauge, gauge};

use crate::telemetry::heard::Heard;

const OPEN: &str = "microbreaker_fleet_open";
const INSTANCES: &str = "microbreaker_fleet_instances";
const LEASES: &str = "microbreaker_fleet_leases";
const AGE: &str = "microbreaker_fleet_age_seconds";

/// What was heard of one breaker, or the most of several.
#[derive(Clone, Copy, Default)]
pub(super) struct Gauges {
    is_open: bool,
    working: u32,
    failing: u32,
    silent: u32,
    here: u32,
    elsewhere: u32,
    age: Option<Duration>,
}

impl From<&Heard> for Gauges {
    fn from(heard: &Heard) -> Self {
        let Heard { age, is_open, instances, working, failing, leases, held, .. } = *heard;
        let silent = instances.saturating_sub(working + failing);
        let elsewhere = leases.saturating_sub(held);
        Self { is_open, working, failing, silent, here: held, elsewhere, age }
    }
}

impl Gauges {
    pub(super) fn add(&mut self, other: &Self) {
        self.is_open |= other.is_open;
        self.working = self.working.max(other.working);
        self.failing = self.failing.max(other.failing);
        self.silent = self.silent.max(other.silent);
        self.here = self.here.max(other.here);
        self.elsewhere = self.elsewhere.max(other.elsewhere);
        self.age = self.age.max(other.age);
    }
}

pub(super) fn publish(label: &SharedString, gauges: &Gauges) {
    let by = |name, key: &'static str, values: &[(&'static str, u32)]| {
        for &(value, count) in values {
            gauge!(name, "breaker" => label.clone(), key => value).set(count);
        }
    };
    let Gauges { is_open, working, failing, silent, here, elsewhere, age } = *gauges;
    by(INSTANCES, "sees", &[("working", working), ("failing", failing), ("nothing", silent)]);
    by(LEASES, "held", &[("here", here), ("elsewhere", elsewhere)]);
    gauge!(OPEN, "breaker" => label.clone()).set(u32::from(is_open));
    gauge!(AGE, "breaker" => label.clone()).set(age.map_or(f64::NAN, |age| age.as_secs_f64()));
}

pub(super) fn describe() {
    describe_gauge!(OPEN, "Whether the fleet has decided to open.");
    describe_gauge!(INSTANCES, "The instances of the fleet, by what they see.");
    describe_gauge!(LEASES, "The probes that the fleet may make now, by who makes them.");
    describe_gauge!(AGE, Unit::Seconds, "How long ago this was heard; NaN if too long.");
}
