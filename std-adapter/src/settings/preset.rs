//! Settings to begin with.

use std::time::Duration;

use super::Settings;

/// Settings for what services usually call, to begin with. Everything that is set beside
/// takes precedence. In a settings file: `preset = "database"`.
///
/// ```
/// use microbreaker_std::Breaker;
/// use microbreaker_std::settings::Preset;
///
/// let orders = Breaker::builder("orders").min_calls(50).preset(Preset::Database).build()?;
/// assert_eq!(orders.settings().min_calls, Some(50));
/// assert_eq!(orders.settings().failure_rate, Some(30));
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
///
/// | preset | opens at failures of | calls are slow after | open for | because |
/// |---|---|---|---|---|
/// | `http_service` | 50 % | 2 s | 30 s | a middle for what has no reason of its own |
/// | `database` | 30 % | 1 s | 15 s | its calls hold connections that all others need; a standby takes over within seconds |
/// | `payment_gateway` | 10 % | 1 s | 120 s | a payment whose fate is unknown is expensive; such outages are long |
/// | `search` | 50 % | 500 ms | 30 s | users wait for it, and a page without results is still a page |
/// | `analytics` | 70 % | 5 s | 10 s | nobody waits for it, so it may try for long and again soon |
/// | `auth` | 20 % | 500 ms | 60 s | is part of every request, and what it takes in vain adds to all of them |
/// | `notification` | 60 % | 3 s | 20 s | can be sent later |
/// | `best_effort` | 80 % | 5 s | 5 s | may fail; the breaker is for the callee's sake |
///
/// All of them decide by the last 100 calls, because then calls that succeed cost the least,
/// and only when the share means at least five failures. They open as well when 80 % of the
/// calls are slow, for a callee that hangs does not fail. Three probes decide, so that one
/// lucky or unlucky call does not. Each opening is up to a fifth longer at random, so that a
/// fleet does not come back all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Preset {
    /// An upstream that speaks HTTP or gRPC.
    HttpService,
    /// A database.
    Database,
    /// What moves money.
    PaymentGateway,
    /// Search, recommendations, and whatever else a page can do without.
    Search,
    /// Where events and measurements go.
    Analytics,
    /// Who the user is, and may do what.
    Auth,
    /// Mail, text messages, push.
    Notification,
    /// What is nice to have.
    BestEffort,
}

impl Preset {
    /// The settings.
    #[must_use]
    pub fn settings(self) -> Settings {
        let (failures, slow_ms, seconds) = match self {
            Self::HttpService => (50, 2_000, 30),
            Self::Database => (30, 1_000, 15),
            Self::PaymentGateway => (10, 1_000, 120),
            Self::Search => (50, 500, 30),
            Self::Analytics => (70, 5_000, 10),
            Self::Auth => (20, 500, 60),
            Self::Notification => (60, 3_000, 20),
            Self::BestEffort => (80, 5_000, 5),
        };
        Settings {
            failure_rate: Some(failures),
            min_calls: Some(500_u32.div_ceil(failures)),
            last_calls: Some(100),
            slow_rate: Some(80),
            slow_after: Some(Duration::from_millis(slow_ms)),
            open_for: Some(Duration::from_secs(seconds)),
            probes: Some(3),
            jitter: Some(20),
            ..Settings::default()
        }
    }
}
