//! Leave for probes, in process: all that a call can reach of a fleet. There is no way from
//! here to the store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use microbreaker_std::fleet::{Heard, ProbeEnd, Probes};

use crate::link::Link;
use crate::record::{Verdict, View};

/// The leases of a breaker, in one word, and what the fleet has said of it.
pub(crate) struct Leases {
    link: Arc<Link>,
    stock: Stock,
    /// Whether there is nobody who could give leave, although there is a fleet.
    alone: AtomicBool,
    /// No call looks at it.
    told: Mutex<Option<Told>>,
}

/// What the fleet has said.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) view: View,
    /// The tick of the exchange in which it did.
    pub(crate) at: u32,
}

impl Leases {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        let (stock, told) = Default::default();
        Self { link, stock, alone: AtomicBool::new(false), told }
    }

    /// What the fleet has said last, however long ago.
    pub(crate) fn told(&self) -> Option<Told> {
        *self.tell()
    }

    /// What it has said within three intervals.
    pub(crate) fn recent(&self) -> Option<Told> {
        self.told().filter(|told| self.age_of(told) <= self.link.silence)
    }

    pub(crate) fn tell(&self) -> MutexGuard<'_, Option<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn age_of(&self, told: &Told) -> u32 {
        self.link.now().wrapping_sub(told.at)
    }

    /// Whether a probe needs leave.
    pub(crate) fn leave_needed(&self, needed: bool) {
        self.alone.store(!needed, Ordering::Relaxed);
    }

    fn lend_in(&self, process: u32) -> bool {
        let link = &*self.link;
        if link.is_silent() || !link.is_of(process) {
            // As the local breaker that it is, once it is this instance's turn.
            return link.age() > link.silence.saturating_add(link.jitter);
        }
        let lent = self.alone.load(Ordering::Relaxed) || self.stock.lend(link.now());
        if !lent {
            link.wake.notify_one();
        }
        lent
    }

    /// Takes in `count` more, which end `ticks` after `since`. All that were granted before
    /// end no earlier.
    pub(crate) fn grant(&self, count: u32, ends: u32) {
        self.stock.update(|held| Held {
            free: (held.free + count).min(MOST),
            ends: if count > 0 { ends } else { held.ends },
            ..held
        });
    }

    /// Begins an epoch: with no leases and no results.
    pub(crate) fn begin(&self) {
        self.stock.update(|held| Held { ends: held.ends, ..Held::default() });
    }

    /// Takes out what is free, to hand it back.
    pub(crate) fn take_free(&self) -> u32 {
        self.stock.update(|held| Held { free: 0, ..held }).free
    }

    /// Takes out the results, to report them.
    pub(crate) fn take_results(&self) -> Held {
        self.stock.update(|held| Held { succeeded: 0, failed: 0, unanswered: 0, ..held })
    }

    pub(crate) fn held(&self) -> Held {
        self.stock.load()
    }
}

impl Probes for Leases {
    fn lend(&self) -> bool {
        self.lend_in(std::process::id())
    }

    fn failing(&self) {
        self.link.hurry();
    }

    fn ended(&self, end: ProbeEnd) {
        self.stock.update(|held| held.ended(end));
        self.link.wake.notify_one();
    }

    fn heard(&self) -> Option<Heard> {
        let mut heard = Heard::nothing(self.link.health());
        if let Some(told) = self.recent() {
            let (view, held) = (told.view, self.held());
            heard.age = Some(Duration::from_millis(self.age_of(&told).into()));
            heard.is_open = matches!(view.verdict, Verdict::Open(_));
            heard.instances = view.instances;
            heard.working = view.with_traffic.saturating_sub(view.failing);
            heard.failing = view.failing;
            heard.held = held.free + held.out;
            // Those that were granted since were not there when it was said.
            heard.leases = view.leases.max(heard.held);
        }
        Some(heard)
    }
}

/// The most that a count of [`Held`] can be.
const MOST: u32 = 63;

/// What a breaker has of its fleet's leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Leases that no probe uses.
    pub(crate) free: u32,
    /// Probes that are out.
    pub(crate) out: u32,
    /// Probes that have ended.
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    /// Probes that got no answer, which say nothing of the service to others.
    pub(crate) unanswered: u32,
    /// The tick at which the free ones end.
    pub(crate) ends: u32,
}

impl Held {
    fn ended(self, end: ProbeEnd) -> Self {
        // One that was lent in an earlier epoch, or without a lease.
        let Some(out) = self.out.checked_sub(1) else { return self };
        let held = Self { out, ..self };
        let more = |count: u32| (count + 1).min(MOST);
        match end {
            ProbeEnd::Succeeded => Self { succeeded: more(held.succeeded), ..held },
            ProbeEnd::Failed => Self { failed: more(held.failed), ..held },
            ProbeEnd::Unanswered => Self { unanswered: more(held.unanswered), ..held },
            ProbeEnd::Unused => Self { free: more(held.free), ..held },
        }
    }

    fn fields(self) -> [u32; 5] {
        [self.free, self.out, self.succeeded, self.failed, self.unanswered]
    }
}

/// [`Held`] as a word: six bits for each count above the tick.
#[derive(Default)]
struct Stock(AtomicU64);

impl Stock {
    fn pack(held: Held) -> u64 {
        let counts = held.fields().into_iter().rev();
        let counts = counts.fold(0, |word, count| word << 6 | u64::from(count.min(MOST)));
        counts << 32 | u64::from(held.ends)
    }

    fn unpack(word: u64) -> Held {
        let count = |place: u32| (word >> (32 + 6 * place)) as u32 & MOST;
        Held {
            free: count(0),
            out: count(1),
            succeeded: count(2),
            failed: count(3),
            unanswered: count(4),
            ends: word as u32,
        }
    }

    fn load(&self) -> Held {
        Self::unpack(self.0.load(Ordering::Relaxed))
    }

    /// Returns what was there before.
    fn update(&self, next: impl Fn(Held) -> Held) -> Held {
        let update = |word| Some(Self::pack(next(Self::unpack(word))));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
        Self::unpack(before.unwrap_or_else(|word| word))
    }

    /// Lends one, if one is free that has not ended at tick `now`.
    fn lend(&self, now: u32) -> bool {
        let lend = |word| {
            let held = Self::unpack(word);
            let valid = held.ends.wrapping_sub(now) as i32 > 0;
            let free = held.free.checked_sub(1).filter(|_| valid)?;
            Some(Self::pack(Held { free, out: (held.out + 1).min(MOST), ..held }))
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lend).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use microbreaker_std::Breaker;
    use microbreaker_std::clock::PausedClock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn leases() -> (PausedClock, Leases) {
        let clock = PausedClock::new();
        let connection = Breaker::builder("store").consecutive_failures(3).open_for(SECOND);
        let connection = connection.build().unwrap();
        let link = Link::new(Arc::new(clock.clone()), connection, 3 * SECOND, 2 * SECOND);
        (clock, Leases::new(Arc::new(link)))
    }

    #[test]
    fn eight_threads_share_one_lease() {
        let (_, leases) = leases();
        leases.grant(1, 1_000);
        let lent = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| leases.lend())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|&lent| lent).count()
        });
        assert_eq!(lent, 1);
    }

    #[test]
    fn a_fork_does_not_use_the_leases_of_its_parent() {
        let (clock, leases) = leases();
        let fork = std::process::id() + 1;
        leases.grant(1, 10_000);
        assert!(!leases.lend_in(fork));
        assert!(leases.lend_in(std::process::id()));
        clock.advance(6 * SECOND);
        assert!(leases.lend_in(fork), "nobody exchanges in the fork, so it is on its own");
    }

    #[test]
    fn a_lease_that_has_ended_lends_nothing_but_its_probe_may_still_end() {
        let (clock, leases) = leases();
        leases.grant(2, 1_000);
        assert!(leases.lend());
        clock.advance(SECOND);
        assert!(!leases.lend());
        leases.ended(ProbeEnd::Succeeded);
        assert_eq!((leases.held().succeeded, leases.held().out), (1, 0));
    }

    #[test]
    fn a_probe_that_never_reaches_the_callee_gives_its_lease_to_the_next() {
        let (_, leases) = leases();
        leases.grant(1, 1_000);
        assert!(leases.lend() && !leases.lend());
        leases.ended(ProbeEnd::Unused);
        assert!(leases.lend());
    }

    #[test]
    fn a_probe_of_an_earlier_epoch_adds_no_lease_to_this_one() {
        let (_, leases) = leases();
        leases.grant(1, 1_000);
        assert!(leases.lend());
        leases.begin();
        leases.ended(ProbeEnd::Unused);
        assert!(!leases.lend());
    }

    #[test]
    fn without_an_exchange_for_three_intervals_probes_are_local_after_the_jitter() {
        let (clock, leases) = leases();
        for (second, lends) in [(3, false), (5, false), (6, true)] {
            let at = second * 1_000;
            clock.advance(Duration::from_millis(u64::from(at - leases.link.now())));
            assert_eq!(leases.lend(), lends, "{second}");
        }
    }

    #[test]
    fn held_survives_its_word() {
        let held =
            Held { free: 1, out: 2, succeeded: 31, failed: 63, unanswered: 5, ends: u32::MAX };
        assert_eq!(Stock::unpack(Stock::pack(held)), held);
    }
}
