//! Breakers for the page to show, on clocks that stand still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use microbreaker_std::admin::Admin;
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Registry};
use tokio::net::TcpListener;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) const NOT_A_TAG: &str = "<img src=x onerror=document.title='run'>";

/// Breakers that trip once half of at least four calls have failed, or were slow, and admit
/// three probes after 30 seconds.
pub(crate) struct Scene {
    pub(crate) registry: Registry,
    pub(crate) clock: PausedClock,
    /// The time of day, in milliseconds. It does not pass by itself either.
    day: Arc<AtomicU64>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let clock = PausedClock::new();
        let template = Breaker::builder("template").failure_rate(50).min_calls(4).last_calls(100);
        let template = template.slow_rate(80).slow_after(2 * SECOND).probes(3);
        let template = template.open_for(30 * SECOND).measure_latency().clock(clock.clone());
        let registry = Registry::new(template).unwrap();
        let day = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Self { registry, clock, day: Arc::new(AtomicU64::new(day.as_millis() as u64)) }
    }

    /// Lets time pass: of day, and for the breakers.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.day.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }

    pub(crate) fn app(&self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Router {
        let admin = Admin::with_wall_clock(self.registry.clone(), now).control(|_, _, _| Ok(()));
        Router::new().nest("/admin", admin.router())
    }

    /// The address of the page, where the time of day is the scene's.
    pub(crate) async fn serve(&self) -> String {
        let day = self.day.clone();
        let now = move || Duration::from_millis(day.load(Ordering::Relaxed));
        self.serve_by(move || SystemTime::UNIX_EPOCH + now()).await
    }

    pub(crate) async fn serve_by(
        &self,
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = format!("http://{}/admin/dashboard", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, self.app(now)).into_future());
        page
    }

    /// Makes calls that take so many milliseconds. `failing` of them fail, evenly spread.
    pub(crate) fn call(&self, name: &str, calls: u32, failing: u32, ms: u64) {
        let breaker = self.registry.get(name);
        for call in 0..calls {
            let Ok(permit) = breaker.try_acquire() else { continue };
            let permit = permit.took(Duration::from_millis(ms));
            let fails = (call + 1) * failing / calls > call * failing / calls;
            if fails { permit.failure() } else { permit.success() }
        }
    }
}

pub(crate) fn row(phase: &str) -> String {
    format!("tr[data-name='users'][data-phase='{phase}']")
}
