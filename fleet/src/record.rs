//! What is exchanged: plain data. No time stamp of an instance is ever in it; ages and
//! remaining times come from the store's clock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use microbreaker_std::settings::Mode;
use microbreaker_std::{Phase, Tally};

/// What one instance says of one breaker. It overwrites what it said before, so saying it
/// twice changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// The epoch in which this was seen. In another one it counts for nothing.
    pub epoch: u64,
    /// Calls in the window that got an answer.
    pub calls: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that were slow.
    pub slow: u32,
    /// The level of the leaky bucket, as far as it comes from answered failures.
    pub level: u32,
    /// Answered failures in a row.
    pub row: u32,
    /// Whether there were any calls, answered or not.
    pub has_traffic: bool,
    /// Whether this instance, by its own calls, sees the service failing.
    pub sees_failing: bool,
    /// Probes of this epoch that succeeded.
    pub probes_succeeded: u32,
    /// Probes of this epoch that failed, with an answer.
    pub probes_failed: u32,
}

/// How many counts a slot has.
pub(crate) const COUNTS: usize = 9;

impl Slot {
    /// Its counts, in the order of its record. A later version may append some.
    pub(crate) fn counts(&self) -> [u32; COUNTS] {
        [
            self.calls,
            self.failed,
            self.slow,
            self.level,
            self.row,
            self.has_traffic.into(),
            self.sees_failing.into(),
            self.probes_succeeded,
            self.probes_failed,
        ]
    }

    /// Whether there is nothing in it that the fleet could want to know.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self { epoch: self.epoch, ..Self::default() }
    }
}

/// All instances' slots of a breaker together, and what the fleet has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Which decision is in force: each has a larger number than the one before. 0 before
    /// the first.
    pub epoch: u64,
    /// What was decided.
    pub verdict: Verdict,
    /// The instances that have renewed their slot recently.
    pub instances: u32,
    /// Those with calls in this epoch.
    pub with_traffic: u32,
    /// Those that see the service failing, in this epoch.
    pub failing: u32,
    /// The sums of the slots of this epoch.
    pub tally: Tally,
    /// The failures in a row of all instances together.
    pub row: u32,
    /// Probes of this epoch that succeeded.
    pub probes_succeeded: u32,
    /// Probes of this epoch that failed.
    pub probes_failed: u32,
    /// The leases that are held now, by any instance.
    pub leases: u32,
    /// The leases that this exchange has granted to the instance that asked.
    pub granted: u32,
}

impl View {
    /// With these sums of the counts of slots.
    pub(crate) fn with_sums(self, sums: [u64; COUNTS]) -> Self {
        let [
            calls,
            failed,
            slow,
            level,
            row,
            with_traffic,
            failing,
            probes_succeeded,
            probes_failed,
        ] = sums.map(|sum| u32::try_from(sum).unwrap_or(u32::MAX));
        let mut tally = self.tally;
        (tally.calls, tally.failed, tally.slow, tally.level) = (calls, failed, slow, level);
        Self { tally, row, with_traffic, failing, probes_succeeded, probes_failed, ..self }
    }
}

/// What the fleet has decided about a breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet, or the decision has expired.
    #[default]
    None,
    /// To open. The opening lasts this much longer; at zero it is time for probes.
    Open(Duration),
    /// To close. The decision is this old, or new if the store's clock was set back since.
    Closed(Duration),
}

/// A decision that an instance proposes. The store carries it out if the epoch is still the
/// one in which it was proposed: of several that propose it, one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The epoch in which it was proposed.
    pub epoch: u64,
    /// To open for this long, or to close.
    pub open_for: Option<Duration>,
}

/// A wish for leases, each of which is leave for one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How many.
    pub count: u32,
    /// How many the whole fleet may have out in an epoch.
    pub limit: u32,
    /// For how long. Whoever holds one and dies loses it by then.
    pub time: Duration,
}

/// What an instance says of one breaker in an exchange, and asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The name of the breaker.
    pub name: Arc<str>,
    /// Its slot, if it has changed or must be renewed.
    pub slot: Option<Slot>,
    /// Leases that are handed back unused.
    pub handed_back: u32,
    /// Leases whose probes have ended with a result.
    pub used: u32,
    /// Leases that it would like. Granted after those above have been dealt with.
    pub wish: Option<Wish>,
    /// A decision that it proposes. Dealt with first.
    pub proposal: Option<Proposal>,
}

impl Report {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, slot: None, handed_back: 0, used: 0, wish: None, proposal: None }
    }
}

/// What an operator wants of breakers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To work in this mode. [`Mode::Closed`] ends what was ordered before.
    Mode(Mode),
    /// To close afresh, once.
    Reset,
}

impl Action {
    /// Its name, as it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mode(Mode::Closed) => "closed",
            Self::Mode(Mode::MetricsOnly) => "metrics_only",
            Self::Mode(Mode::Disabled) => "disabled",
            Self::Mode(Mode::ForcedOpen) => "forced_open",
            Self::Reset => "reset",
        }
    }

    /// The action of that name. `None` for one that this version does not know.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let modes = [Mode::Closed, Mode::MetricsOnly, Mode::Disabled, Mode::ForcedOpen];
        let all = modes.into_iter().map(Self::Mode).chain([Self::Reset]);
        all.into_iter().find(|action| action.name() == name)
    }

    pub(crate) const fn phase(self) -> Option<Phase> {
        match self {
            Self::Mode(Mode::MetricsOnly) => Some(Phase::MetricsOnly),
            Self::Mode(Mode::Disabled) => Some(Phase::Disabled),
            Self::Mode(Mode::ForcedOpen) => Some(Phase::ForcedOpen),
            Self::Mode(Mode::Closed) | Self::Reset => None,
        }
    }
}

/// What an operator has ordered, for every instance, also for those that start later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// For which breakers: a name, or a pattern with `*` and `?`.
    pub pattern: String,
    /// What to do.
    pub action: Action,
    /// Who ordered it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How long it holds, or still holds; `None` until it is replaced.
    pub lasts: Option<Duration>,
}

/// An order, as the store gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrder {
    /// The order. `lasts` is what is left of it.
    pub order: Order,
    /// Its version: a later order has a larger one. Where several match, the latest holds.
    pub version: u64,
    /// How long ago it was given.
    pub age: Duration,
}

/// The longest pattern, name of an operator and reason, in bytes.
pub(crate) const LONGEST: usize = 256;
/// The most orders that a fleet keeps.
pub(crate) const MOST_ORDERS: usize = 256;

impl Order {
    /// Checks the lengths, because all of it may come from outside.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        for (what, text) in [
            ("pattern", &self.pattern),
            ("name of an operator", &self.by),
            ("reason", &self.reason),
        ] {
            if text.len() > LONGEST {
                return Err(StoreError::new(format!(
                    "the {what} of an order has {} bytes, but may have at most {LONGEST}",
                    text.len()
                )));
            }
        }
        Ok(())
    }
}

/// The store could not be reached, or did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(String);

impl StoreError {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the fleet's store: {}", self.0)
    }
}

impl std::error::Error for StoreError {}
