//! A breaker of an instance, as its background task sees it.

use std::sync::Arc;
use std::time::Duration;

use microbreaker_std::clock::millis;
use microbreaker_std::settings::{Mode, ProbeTimeout};
use microbreaker_std::{Breaker, Phase, Settings, Snapshot};

use crate::decide::{self, Next, Quorum};
use crate::leases::{Leases, Told};
use crate::link::Link;
use crate::record::{Action, Proposal, Report, Slot, StoredOrder, Verdict, View, Wish};

/// How often a slot is renewed without a change of the window or a success before the
/// instance counts as idle: a minute at the default interval.
const RENEWALS: u32 = 60;
/// For how many exchanges a lease may lie unused before another instance gets its chance.
const UNUSED: u32 = 2;

/// What all members of an instance work by.
pub(crate) struct Terms {
    pub(crate) quorum: Quorum,
    pub(crate) interval: Duration,
    /// Whether this exchange follows another one at once.
    pub(crate) again: bool,
    /// The tick at which the exchange began.
    pub(crate) now: u32,
}

pub(crate) struct Member {
    pub(crate) leases: Arc<Leases>,
    /// The epoch that this instance has heard of.
    epoch: u64,
    /// The tick at which it heard of it.
    entered: Option<u32>,
    /// The last epoch whose verdict it has dealt with.
    followed: u64,
    /// What it has heard last, however long ago.
    heard: Option<Told>,
    /// Whether it opened because the fleet did.
    adopted: bool,
    /// What it said last, and how often it has said so since.
    said: Slot,
    repeated: u32,
    /// Whether a call has succeeded since the exchange before.
    succeeds: bool,
    /// The tick of the last exchange that heard of a success.
    succeeded_at: Option<u32>,
    /// The results of this epoch's probes.
    succeeded: u32,
    failed: u32,
    /// For how long after a wish its leases lend probes.
    lend_for: Duration,
    /// For how many exchanges leases have been lying unused.
    unused: u32,
    /// Whether the store has forgotten the opening that this instance follows.
    restores: bool,
    /// Whether it must hear of the fleet, although it has nothing to say.
    pub(crate) curious: bool,
    /// The version of the last order that it has carried out.
    ordered: u64,
    /// The mode that an order has put it into.
    mode: Option<Mode>,
    is_new: bool,
}

impl Member {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self::with(Arc::new(Leases::new(link)))
    }

    /// Forgets the breaker of before: there is a new one of its name.
    pub(crate) fn begin_anew(&mut self) {
        self.leases.begin();
        *self = Self::with(self.leases.clone());
    }

    fn with(leases: Arc<Leases>) -> Self {
        *leases.tell() = None;
        Self {
            leases,
            epoch: 0,
            entered: None,
            followed: 0,
            heard: None,
            adopted: false,
            said: Slot::default(),
            repeated: 0,
            succeeds: false,
            succeeded_at: None,
            succeeded: 0,
            failed: 0,
            lend_for: Duration::ZERO,
            unused: 0,
            restores: false,
            curious: true,
            ordered: 0,
            mode: None,
            is_new: true,
        }
    }

    /// What to say and to ask now. `None` while there is nothing.
    pub(crate) fn report(&mut self, breaker: &Breaker, terms: &Terms) -> Option<Report> {
        let (settings, now) = (&breaker.settings(), breaker.snapshot());
        if !matches!(now.phase, Phase::Open | Phase::HalfOpen) {
            self.adopted = false;
        }
        let succeeds = breaker.has_succeeded_since_asked();
        if succeeds {
            self.succeeded_at = Some(terms.now);
        }
        self.succeeds = succeeds || self.succeeds && terms.again;
        let has_succeeded = self.has_succeeded_within(RENEWALS, terms);
        let mut report = Report::new(breaker.name().clone());
        let ended = self.leases.take_results();
        self.succeeded = self.succeeded.saturating_add(ended.succeeded);
        self.failed = self.failed.saturating_add(ended.failed);
        let mut slot = decide::slot(
            settings,
            &now,
            &breaker.evidence(),
            self.adopted,
            has_succeeded,
            self.epoch,
        );
        (slot.probes_succeeded, slot.probes_failed) = (self.succeeded, self.failed);
        // Calls may go on without a change of what they say.
        let has_news = slot != self.said || succeeds;
        self.repeated = if has_news { 0 } else { self.repeated.saturating_add(1) };
        if self.repeated == 0 || !slot.is_empty() && self.repeated < RENEWALS {
            report.slot = Some(slot);
        }
        self.said = slot;

        // If this gets lost, the leases end by their time: never are there too many.
        report.used = ended.succeeded + ended.failed;
        // A probe without an answer leaves the lease to another instance.
        report.handed_back = ended.unanswered;
        report.wish = self.wish(&mut report.handed_back, settings, &now, terms.interval);
        // Only by what it has just heard: this is the exchange that follows at once.
        let is_fresh = |told: &Told| terms.now.wrapping_sub(told.at) < millis(terms.interval) / 2;
        let fresh = self.leases.told().filter(is_fresh);
        report.proposal = fresh.and_then(|it| self.proposal(&it.view, settings, &now, terms));
        let waits = now.phase != Phase::Closed || self.is_open();
        let speaks = report.slot.is_some() || report.used > 0 || report.handed_back > 0;
        let asks = report.wish.is_some() || report.proposal.is_some();
        (speaks || asks || waits || self.curious).then_some(report)
    }

    /// Whether a hint may concern it: not if it has been idle, because then the next
    /// exchange tells it.
    pub(crate) fn is_active(&self) -> bool {
        self.is_open() || !self.said.is_empty()
    }

    fn has_succeeded_within(&self, intervals: u32, terms: &Terms) -> bool {
        let age = self.succeeded_at.map(|tick| terms.now.wrapping_sub(tick));
        age.is_some_and(|age| age < millis(terms.interval * intervals))
    }

    fn is_open(&self) -> bool {
        self.leases.told().is_some_and(|told| matches!(told.view.verdict, Verdict::Open(_)))
    }

    /// Which leases to ask for: ahead of need, so that a probe finds one.
    fn wish(
        &mut self,
        handed_back: &mut u32,
        settings: &Settings,
        now: &Snapshot,
        interval: Duration,
    ) -> Option<Wish> {
        let held = self.leases.held();
        let soon = now.phase == Phase::HalfOpen
            || now.phase == Phase::Open
                && now.retry_after.is_none_or(|left| left <= interval.mul_f64(1.5));
        let returns = |leases: &Leases| leases.take_free();
        if !soon {
            *handed_back += returns(&self.leases);
            self.unused = 0;
            return None;
        }
        if held.free > 0 && now.phase == Phase::HalfOpen {
            self.unused += 1;
            if self.unused > UNUSED {
                // This instance has no calls to probe with. It asks again next time.
                self.unused = 0;
                *handed_back += returns(&self.leases);
                return None;
            }
        }
        let limit = decide::probes(settings);
        let count = settings.probes.unwrap_or(1).saturating_sub(held.free + held.out);
        let time = match settings.probe_timeout {
            Some(ProbeTimeout::After(time)) => time,
            Some(ProbeTimeout::Never) => Duration::from_secs(60 * 60),
            None => settings.open_for.unwrap_or(interval),
        };
        // A probe may go out as late as a timeout from its turn, and takes a timeout itself.
        self.lend_for = time + now.retry_after.unwrap_or_default();
        let time = self.lend_for + time;
        (count > 0).then_some(Wish { count, limit, time })
    }

    fn proposal(
        &self,
        view: &View,
        settings: &Settings,
        now: &Snapshot,
        terms: &Terms,
    ) -> Option<Proposal> {
        if self.restores {
            let left = now.retry_after.unwrap_or(Duration::from_millis(1));
            return Some(Proposal { epoch: view.epoch, open_for: Some(left) });
        }
        let next = self.next(settings, view, terms)?;
        let configured = settings.open_for.unwrap_or_default();
        let open_for = match next {
            Next::Close => None,
            // With the backoff and the jitter of the breaker that has opened already.
            Next::Open => Some(match now.phase {
                Phase::Open => now.retry_after.filter(|left| !left.is_zero()).unwrap_or(configured),
                _ => configured,
            }),
        };
        Some(Proposal { epoch: view.epoch, open_for })
    }

    /// What the fleet should decide. It does not open in the first interval of an epoch, in
    /// which not all have spoken: a few that fail would look like a quorum.
    fn next(&self, settings: &Settings, view: &View, terms: &Terms) -> Option<Next> {
        let next = decide::next(settings, terms.quorum, view)?;
        let age = self.entered.map_or(0, |tick| terms.now.wrapping_sub(tick));
        let early = age < millis(terms.interval);
        let by_probes = view.probes_failed > 0;
        (next == Next::Close || by_probes || !early).then_some(next)
    }

    /// Takes in what the fleet says. Returns whether another exchange is worth while.
    ///
    /// `terms.now` is the tick at which the question was sent, so that no lease is believed
    /// to last longer than it does.
    pub(crate) fn hear(
        &mut self,
        breaker: &Breaker,
        report: &Report,
        view: Option<View>,
        terms: &Terms,
    ) -> bool {
        self.leases.leave_needed(view.is_some());
        let Some(view) = view else {
            self.drop_view();
            breaker.leave_has_come();
            return false;
        };
        self.curious = false;
        if view.epoch != self.followed {
            let (recent, now) = (self.succeeds, breaker.snapshot());
            let own = decide::own(&breaker.settings(), now.tally, &breaker.evidence(), recent);
            let knew = self.heard.is_some_and(|it| matches!(it.view.verdict, Verdict::Open(_)));
            match decide::follows(&view, own, &now, self.adopted, knew) {
                Some(Verdict::Open(left)) => {
                    _ = breaker.follow_open(left);
                    // From now on it waits for the fleet's probes, whoever opened it.
                    self.adopted = true;
                    self.followed = view.epoch;
                }
                Some(Verdict::Closed(age)) => {
                    _ = breaker.follow_close(age.min(self.silent_for(terms)));
                    // It may open by itself before the next report.
                    self.adopted = false;
                    self.followed = view.epoch;
                }
                Some(Verdict::None) => self.followed = view.epoch,
                // Declined for now, and asked again next time.
                None => {}
            }
        }
        if view.epoch != self.epoch || self.entered.is_none() {
            self.enter(view.epoch);
            self.entered = Some(terms.now);
        }
        if report.wish.is_some() {
            self.leases.grant(view.granted, terms.now.wrapping_add(millis(self.lend_for)));
            if view.granted > 0 {
                breaker.leave_has_come();
            }
        }
        self.restores = view.verdict == Verdict::None && self.adopted && self.is_open();
        self.heard = Some(Told { view, at: terms.now });
        *self.leases.tell() = self.heard;
        self.restores
            || self.next(&breaker.settings(), &view, terms).is_some()
            || self.said.epoch != self.epoch && !self.said.is_empty()
    }

    /// How long it has not heard of the fleet. What it hears of now was decided since, also if
    /// the store's clock has jumped ahead.
    fn silent_for(&self, terms: &Terms) -> Duration {
        let age = |told: Told| Duration::from_millis(terms.now.wrapping_sub(told.at).into());
        self.heard.map_or(Duration::MAX, age)
    }

    /// Begins an epoch. What probes of the one before still say is stale by now, because
    /// the breaker has left their phase.
    fn enter(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.leases.begin();
        (self.succeeded, self.failed, self.unused) = (0, 0, 0);
    }

    /// Forgets what the fleet has said: it is too old.
    pub(crate) fn drop_view(&mut self) {
        *self.leases.tell() = None;
        self.curious = true;
        self.repeated = RENEWALS;
        self.said = Slot::default();
    }

    /// Obeys `order`, the latest that matches, if there is one.
    pub(crate) fn obey(&mut self, breaker: &Breaker, order: Option<&StoredOrder>) {
        let version = order.map_or(0, |order| order.version);
        let action = order.map(|order| order.order.action);
        match action {
            Some(Action::Mode(mode)) if mode != Mode::Closed => {
                if breaker.phase() != Action::Mode(mode).phase().expect("it has one") {
                    match mode {
                        Mode::MetricsOnly => breaker.metrics_only(),
                        Mode::Disabled => breaker.disable(),
                        Mode::ForcedOpen | Mode::Closed => breaker.force_open(),
                    }
                }
                self.mode = Some(mode);
            }
            _ => {
                if let Some(mode) = self.mode.take()
                    && Some(breaker.phase()) == Action::Mode(mode).phase()
                {
                    breaker.reset();
                }
                // A breaker that joined later has nothing to forget.
                if action == Some(Action::Reset) && version > self.ordered && !self.is_new {
                    breaker.reset();
                    self.adopted = false;
                }
            }
        }
        self.ordered = version.max(self.ordered);
        self.is_new = false;
    }
}
