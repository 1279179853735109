//! One run of the load test.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use axum::Router;
use hdrhistogram::Histogram;
use http::StatusCode;
use microbreaker_service_example::service::{self, TIMEOUT};
use microbreaker_service_example::upstream::{Fault, Upstream};
use microbreaker_std::{Breaker, EventKind, Phase};
use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// A request that takes this long counts as hung.
const HANGS: Duration = Duration::from_secs(10);

const PROBES: u32 = 3;

/// What the upstream does, and for how many tenths of a run.
const STORY: [(&str, Fault, u32); 6] = [
    ("healthy", Fault::None, 2),
    ("errors", Fault::Errors, 2),
    ("slow", Fault::Slow(TIMEOUT.saturating_mul(2)), 1),
    ("hangs", Fault::Hangs, 2),
    ("refuses", Fault::Refuses, 1),
    ("recovered", Fault::None, 2),
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    None,
    Breaker,
}

/// What users saw during a chapter of the story.
pub(crate) struct Chapter {
    pub(crate) name: &'static str,
    pub(crate) sent: u64,
    pub(crate) fresh: u64,
    pub(crate) cached: u64,
    pub(crate) unavailable: u64,
    pub(crate) hung: u64,
    /// Requests that the upstream received.
    pub(crate) asked: u64,
    /// From when a request was due to be sent until its answer, in microseconds.
    pub(crate) latency: Histogram<u64>,
}

pub(crate) struct Report {
    pub(crate) guard: Guard,
    pub(crate) chapters: Vec<Chapter>,
    pub(crate) calls: Calls,
    ended: Option<Phase>,
}

/// The calls to the upstream by the phase in which they were made, and the number of times
/// that the breaker became half-open.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    pub(crate) by_phase: HashMap<Phase, u64>,
    pub(crate) half_opened: u64,
}

impl Calls {
    pub(crate) fn of(&self, phase: Phase) -> u64 {
        self.by_phase.get(&phase).copied().unwrap_or_default()
    }

    pub(crate) fn most_probes(&self) -> u64 {
        u64::from(PROBES) * self.half_opened
    }
}

enum Seen {
    Fresh,
    Cached,
    Unavailable,
    Hung,
}

/// Sends `rate` requests per second for `time`, and waits for all answers.
pub(crate) async fn run(guard: Guard, time: Duration, rate: u32) -> anyhow::Result<Report> {
    let breaker = match guard {
        Guard::None => None,
        Guard::Breaker => Some(
            Breaker::builder("rates")
                .failure_rate(50)
                .min_calls(20)
                .last_calls(100)
                .open_for(time / 20)
                .probes(PROBES)
                .build()?,
        ),
    };
    let calls = Arc::new(Mutex::new(Calls::default()));
    let mut upstream = Upstream::start().await?;
    let app = service::app(upstream.address(), breaker.clone(), {
        let (calls, breaker) = (calls.clone(), breaker.clone());
        move || {
            let phase = breaker.as_ref().map_or(Phase::Closed, Breaker::phase);
            let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
            *calls.by_phase.entry(phase).or_default() += 1;
        }
    });
    if let Some(breaker) = &breaker {
        let calls = calls.clone();
        breaker.on_event(move |event| {
            if matches!(event.kind, EventKind::Transition { to: Phase::HalfOpen, .. }) {
                calls.lock().unwrap_or_else(PoisonError::into_inner).half_opened += 1;
            }
        });
    }
    let story = STORY.map(|(name, _, tenths)| (name, tenths));
    let (asked, mut faults) = (upstream.asks(), STORY.into_iter().map(|(_, fault, _)| fault));
    let next = async || upstream.set(faults.next().expect("each chapter has a fault")).await;
    let chapters = tell(app, &story, time, rate, next, asked).await?;
    let calls = calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Report { guard, chapters, calls, ended: breaker.map(|breaker| breaker.phase()) })
}

/// Sends `rate` requests per second to `app`, and waits for all answers. `next` makes the
/// upstream what it is to be in the next chapter of the story, whose length is in tenths of
/// `time`; `asked` says how many requests it has received.
pub(crate) async fn tell(
    app: Router,
    story: &[(&'static str, u32)],
    time: Duration,
    rate: u32,
    mut next: impl AsyncFnMut() -> std::io::Result<()>,
    asked: impl Fn() -> u64,
) -> anyhow::Result<Vec<Chapter>> {
    let listener = microbreaker_service_example::listen(0).await?;
    let url = format!("http://{}/rate", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, app).into_future());

    let client = Client::builder().no_proxy().build()?;
    let mut chapters = Vec::new();
    let mut users = JoinSet::new();
    let mut due = interval(Duration::from_secs(1) / rate);
    // After a delay, requests are sent at once until none is late.
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for (chapter, &(name, tenths)) in story.iter().enumerate() {
        next().await?;
        let before = asked();
        let sent = u64::from(rate) * (time * tenths / 10).as_millis() as u64 / 1_000;
        for _ in 0..sent {
            let start = due.tick().await;
            let request = client.get(&url);
            users.spawn(async move { (chapter, ask(request).await, start.elapsed()) });
        }
        let (fresh, cached, unavailable, hung) = (0, 0, 0, 0);
        let (asked, latency) = (asked() - before, Histogram::new(3)?);
        chapters.push(Chapter { name, sent, fresh, cached, unavailable, hung, asked, latency });
    }
    while let Some(user) = users.join_next().await {
        let (chapter, seen, took) = user?;
        let chapter: &mut Chapter = &mut chapters[chapter];
        chapter.latency.record(took.as_micros() as u64)?;
        *match seen? {
            Seen::Fresh => &mut chapter.fresh,
            Seen::Cached => &mut chapter.cached,
            Seen::Unavailable => &mut chapter.unavailable,
            Seen::Hung => &mut chapter.hung,
        } += 1;
    }
    server.abort();
    Ok(chapters)
}

async fn ask(request: reqwest::RequestBuilder) -> anyhow::Result<Seen> {
    let Ok(response) = timeout(HANGS, request.send()).await else { return Ok(Seen::Hung) };
    let response = response?;
    let freshness = response.headers().get(service::ANSWER).map(|value| value.as_bytes());
    match (response.status(), freshness) {
        (StatusCode::OK, Some(b"fresh")) => Ok(Seen::Fresh),
        (StatusCode::OK, Some(b"cached")) => Ok(Seen::Cached),
        (StatusCode::SERVICE_UNAVAILABLE, None) => Ok(Seen::Unavailable),
        (status, _) => {
            anyhow::bail!("the service answered {status} without saying how fresh that is")
        }
    }
}

/// Checks the counts, but no times, which depend on the machine.
pub(crate) fn check(without: &Report, with: &Report) -> anyhow::Result<()> {
    let asked = |report: &Report| report.chapters.iter().map(|c| c.asked).sum::<u64>();
    for chapter in without.chapters.iter().chain(&with.chapters) {
        let Chapter { name, sent, fresh, cached, unavailable, hung, .. } = chapter;
        let answered = fresh + cached + unavailable;
        ensure!(*hung == 0, "{name}: {hung} requests hung");
        ensure!(answered == *sent, "{name}: {answered} answers to {sent} requests");
        ensure!(
            *unavailable == 0,
            "{name}: {unavailable} users got no rate, not even a cached one"
        );
    }
    let calls = &with.calls;
    let open = calls.of(Phase::Open) + calls.of(Phase::ForcedOpen);
    let (probes, most) = (calls.of(Phase::HalfOpen), calls.most_probes());
    ensure!(open == 0, "{open} calls were made while the breaker was open");
    ensure!(0 < probes && probes <= most, "{probes} probes, but must be 1 to {most}");
    ensure!(with.ended == Some(Phase::Closed), "the breaker ended up as {:?}", with.ended);
    let (with, without) = (asked(with), asked(without));
    ensure!(
        with < without,
        "the upstream received {with} requests with the breaker, and {without} without it"
    );
    Ok(())
}
