//! Adaptive client-side throttling: a gate without phases.

use crate::clock::Clock;
use crate::config::{ConfigError, Field, mix, window_length_setters, within};
use crate::error::Rejected;
use crate::event::{Observer, Outcome};
use crate::gate::{Gate, Permit};
use crate::phase::Phase;
use crate::state::Word;
use crate::sync::{AtomicU32, Ordering, const_fn};
use crate::tally::{Record, Tally};
use crate::token::Token;
use crate::window::{Kind, Reach, Tenure, Window};

/// Refuses a growing share of calls as the callee accepts fewer of them.
///
/// It follows "Handling Overload" in *Site Reliability Engineering* (Beyer and
/// others, 2016, <https://sre.google/sre-book/handling-overload/>). The window holds
/// `requests` calls, local refusals included; `accepts` of them were not failures.
/// The next call is refused with probability
///
/// ```text
/// max(0, (requests - multiplier * accepts) / (requests + 1))
/// ```
///
/// but never with more than the cap, so that some calls always get through and show
/// when the callee has recovered. All arithmetic is in integers.
///
/// Ignored and cancelled calls are not counted. A call enters the window when it
/// ends, a refusal at once. Every method is lock-free. Size: 8 bytes, plus the
/// window, plus the configuration.
///
/// ```
/// use microbreaker::{Gate, Throttle, ThrottleConfig, TimeWindow};
/// static UPSTREAM: Throttle<TimeWindow<10>, fn() -> u32> =
///     Throttle::new(ThrottleConfig::new(0x5eed).bucket(12_000), TimeWindow::new(), || 0);
/// let answer = UPSTREAM.call(|| Ok::<_, ()>(42));
/// assert_eq!(answer, Ok(42));
/// ```
pub struct Throttle<W: Window, C: Clock, O: Observer = ()> {
    /// Never changes: a throttle has a single tenure.
    word: Word,
    /// Number of draws made. Each draw mixes the next number with the seed.
    draws: AtomicU32,
    window: W,
    config: ThrottleConfig,
    clock: C,
    observer: O,
}

/// Configures a [`Throttle`]: how soon and how often it refuses.
///
/// ```
/// use microbreaker::{CountWindow, Gate, Throttle, ThrottleConfig, clock::ManualClock};
///
/// // From a third of failures on, and never more than 80 of 100 calls.
/// const CONFIG: ThrottleConfig = ThrottleConfig::new(7).multiplier_tenths(15).cap(80).last_calls(50);
/// let radio = Throttle::new(CONFIG, CountWindow::<5>::new(), ManualClock::new(0));
/// assert!(radio.try_acquire().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ThrottleConfig {
    multiplier_tenths: u32,
    cap: u32,
    last_calls: u32,
    bucket: u32,
    seed: u32,
}

impl ThrottleConfig {
    /// Multiplier 2, cap 90 percent. `seed` starts the random draws; give each member
    /// of a fleet its own.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self { multiplier_tenths: 20, cap: 90, last_calls: 0, bucket: 0, seed }
    }

    /// Sets the multiplier in tenths, 10 to 1,000: the calls allowed per accepted call
    /// before any is refused. The book's value is 20, that is, two calls.
    #[must_use]
    pub const fn multiplier_tenths(mut self, tenths: u32) -> Self {
        self.multiplier_tenths = tenths;
        self
    }

    /// Sets the largest share of calls that may be refused, 1 to 99 percent.
    #[must_use]
    pub const fn cap(mut self, percent: u32) -> Self {
        self.cap = percent;
        self
    }

    window_length_setters!();

    /// Checks that every value is in range for a throttle with a window `W`, which
    /// must remember calls.
    ///
    /// # Errors
    ///
    /// The first field out of range, with its value and the allowed range.
    pub const fn check<W: Window>(&self) -> Result<(), ConfigError> {
        if let Err(error) = within(Field::Multiplier, self.multiplier_tenths, 10, 1_000) {
            return Err(error);
        }
        if let Err(error) = within(Field::Cap, self.cap, 1, 99) {
            return Err(error);
        }
        if let Kind::Time { calls: false, .. } = W::KIND {
            return within(Field::LastCalls, 0, 1, 0);
        }
        self.window_length().check::<W>(true)
    }

    /// How many of the 2^32 equally likely draws refuse.
    fn refusals(&self, tally: Tally) -> u32 {
        let requests = tally.calls as u64;
        let accepts = requests.saturating_sub(tally.failed as u64);
        let excess = (10 * requests).saturating_sub(self.multiplier_tenths as u64 * accepts);
        // Of 2^28 draws: the excess of 2^32 requests has 36 bits, and 64 are cheap.
        let share = ((excess << 28) / (10 * (requests + 1))) << 4;
        let cap = ((self.cap as u64) << 32) / 100;
        share.min(cap) as u32
    }
}

impl<W: Window, C: Clock> Throttle<W, C> {
    const_fn! {
        /// Creates a throttle that has seen no calls.
        ///
        /// # Panics
        ///
        /// If [`ThrottleConfig::check`] refuses `config`; in a `static` that is a
        /// compile error.
        #[must_use]
        pub const fn new(config: ThrottleConfig, window: W, clock: C) -> Self {
            assert!(config.check::<W>().is_ok(), "bad ThrottleConfig: see ThrottleConfig::check");
            Self { word: Word::new(), draws: AtomicU32::new(0), window, config, clock, observer: () }
        }
    }
}

impl<W: Window, C: Clock, O: Observer> Throttle<W, C, O> {
    /// Creates a throttle that reports to `observer`, if `config` is valid.
    ///
    /// # Errors
    ///
    /// The error of [`ThrottleConfig::check`].
    pub fn try_new(
        config: ThrottleConfig,
        window: W,
        clock: C,
        observer: O,
    ) -> Result<Self, ConfigError> {
        config.check::<W>()?;
        Ok(Self { word: Word::new(), draws: AtomicU32::new(0), window, config, clock, observer })
    }

    /// Returns what the window holds. `failed` counts failures and local refusals.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.window.tally(self.tenure(), &self.reach())
    }

    /// Returns the observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    fn tenure(&self) -> Tenure<'_> {
        Tenure::new(&self.word, self.word.load().generation())
    }

    fn reach(&self) -> Reach<impl Fn() -> u32> {
        self.config.window_length().reach(|| self.clock.now())
    }
}

impl<W: Window, C: Clock, O: Observer> Gate for Throttle<W, C, O> {
    fn try_acquire(&self) -> Result<Permit<'_, Self>, Rejected> {
        let refusals = self.config.refusals(self.tally());
        if refusals > 0 {
            let draw = self.draws.fetch_add(1, Ordering::Relaxed);
            if mix(self.config.seed ^ mix(draw)) < refusals {
                let refused = Record { failed: true, slow: false, weight: 1 };
                self.window.record(self.tenure(), &self.reach(), refused);
                let rejected = Rejected { phase: Phase::Closed, retry_after: None };
                self.observer.rejection(&rejected);
                return Err(rejected);
            }
        }
        Ok(Permit::new(self, Token::new(self.word.load())))
    }

    fn complete(&self, _: Token, _: u32, _: Option<u32>, outcome: Outcome) {
        if outcome != Outcome::Ignored {
            let call = Record { failed: outcome != Outcome::Success, slow: false, weight: 1 };
            self.window.record(self.tenure(), &self.reach(), call);
        }
        self.observer.outcome(outcome, false);
    }

    fn abandoned(&self, _: Token, _: u32, _: Option<u32>) -> Outcome {
        Outcome::Ignored
    }
}
