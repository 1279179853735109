//! What an instance makes of what it knows: pure functions.

use std::time::Duration;

use microbreaker_std::fleet::Evidence;
use microbreaker_std::{Phase, Settings, Snapshot, Tally};

use crate::record::{Slot, Verdict, View};

/// How many instances must see a service failing before a fleet opens.
///
/// The default is two, or 20 percent of those with traffic, whichever is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// At least this many.
    pub instances: u32,
    /// At least this share of those with traffic, 0 to 100 percent.
    pub percent: u32,
}

impl Default for Quorum {
    fn default() -> Self {
        Self { instances: 2, percent: 20 }
    }
}

impl Quorum {
    /// How many of `with_traffic` instances it takes.
    pub(crate) fn of(self, with_traffic: u32) -> u32 {
        let share = (u64::from(with_traffic) * u64::from(self.percent)).div_ceil(100);
        self.instances.max(share as u32)
    }
}

/// How an instance's own calls go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// There were none recently.
    Silent,
    /// They succeed.
    Healthy,
    /// They fail.
    Failing,
}

/// What the calls of an instance say. They fail if the last one did, or if as large a share
/// of the window did as trips the breaker. Otherwise they succeed, if one did recently.
pub(crate) fn own(settings: &Settings, tally: Tally, evidence: &Evidence, recent: bool) -> Own {
    let (part, whole) = match (settings.failure_ratio, settings.failure_rate) {
        (Some(ratio), _) => ratio,
        (None, Some(percent)) => (percent, 100),
        (None, None) => (1, 2),
    };
    let share =
        u64::from(tally.failed) * u64::from(whole) >= u64::from(tally.calls) * u64::from(part);
    match tally.calls {
        _ if evidence.last_failed => Own::Failing,
        1.. if share => Own::Failing,
        _ if recent => Own::Healthy,
        _ => Own::Silent,
    }
}

/// What an instance says of a breaker. `adopted`: it opened because the fleet did, so that
/// it has nothing to say of its own. `has_succeeded`: in the last minute or so, which a
/// breaker without a window would not know.
pub(crate) fn slot(
    settings: &Settings,
    now: &Snapshot,
    evidence: &Evidence,
    adopted: bool,
    has_succeeded: bool,
    epoch: u64,
) -> Slot {
    // While half-open, the tally is that of the probes, which have a place of their own.
    if adopted || !matches!(now.phase, Phase::Closed | Phase::Open) {
        return Slot { epoch, ..Slot::default() };
    }
    let (tally, row) = (now.tally, now.consecutive_failures);
    let unanswered = evidence.unanswered(tally.failed).min(tally.failed);
    let failed = tally.failed - unanswered;
    let calls = tally.calls - unanswered.min(tally.calls);
    let has_traffic = tally.calls > 0 || evidence.last_failed || has_succeeded;
    let of_answered = |level: u32| match tally.failed {
        0 => level,
        all => (u64::from(level) * u64::from(failed) / u64::from(all)) as u32,
    };
    Slot {
        epoch,
        calls,
        failed,
        slow: tally.slow.min(calls),
        level: of_answered(tally.level),
        row: row - evidence.unanswered(row).min(row),
        has_traffic,
        sees_failing: now.phase == Phase::Open
            || own(settings, tally, evidence, false) == Own::Failing,
        probes_succeeded: 0,
        probes_failed: 0,
    }
}

/// What the fleet should decide next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Open,
    Close,
}

/// What follows from the slots of all instances, if anything.
pub(crate) fn next(settings: &Settings, quorum: Quorum, view: &View) -> Option<Next> {
    if let Verdict::Open(left) = view.verdict {
        let judged = judge(settings, view.probes_succeeded, view.probes_failed);
        if judged.is_some() || left > Duration::ZERO {
            return judged;
        }
    }
    let enough = view.failing >= quorum.of(view.with_traffic);
    let met = || settings.policy_met(view.tally, view.row).is_some();
    (enough && met()).then_some(Next::Open)
}

/// How many probes the fleet may make in an epoch.
pub(crate) fn probes(settings: &Settings) -> u32 {
    let of_round = settings.probe_rate_after.or(settings.reuse_probes_until);
    of_round.or(settings.probes).unwrap_or(1)
}

/// What the probes of all instances decide.
fn judge(settings: &Settings, succeeded: u32, failed: u32) -> Option<Next> {
    let of = probes(settings);
    if let Some(after) = settings.probe_rate_after {
        let finished = Tally { calls: succeeded + failed, failed, ..Tally::default() };
        let rates = Settings { min_calls: None, failures_in_window: None, ..settings.clone() };
        let bad = failed > 0 && rates.policy_met(finished, 0).is_some();
        return (finished.calls >= after).then_some(if bad { Next::Open } else { Next::Close });
    }
    let needed = settings.successes.unwrap_or(of).min(of);
    if succeeded >= needed {
        Some(Next::Close)
    } else {
        (failed > of - needed).then_some(Next::Open)
    }
}

/// What an instance does about a verdict that it has not followed yet: nothing at all if that
/// is [`Verdict::None`], nothing for now if there is none. `adopted`: it is open because the
/// fleet was. `knew`: it has heard that the fleet was open.
pub(crate) fn follows(
    view: &View,
    own: Own,
    now: &Snapshot,
    adopted: bool,
    knew: bool,
) -> Option<Verdict> {
    let phase = now.phase;
    match view.verdict {
        // Own evidence wins.
        Verdict::Open(_) if phase == Phase::Closed && own == Own::Healthy => None,
        // Whoever hears of an opening that is over joins those that wait for probes.
        Verdict::Open(Duration::ZERO) => {
            (phase == Phase::Closed).then_some(Verdict::Open(Duration::from_millis(1)))
        }
        Verdict::Open(_) => Some(view.verdict),
        // If it is closed, the ramp is for those that would have opened. One that knew of the
        // opening has its reasons.
        Verdict::Closed(_) if phase == Phase::Closed && (knew || own != Own::Silent) => {
            Some(Verdict::None)
        }
        // It has opened by itself since.
        Verdict::Closed(age) if phase == Phase::Open && !adopted && now.in_phase_for < age => {
            Some(Verdict::None)
        }
        Verdict::Closed(_) => Some(view.verdict),
        Verdict::None => None,
    }
}
