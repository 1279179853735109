//! The hot path beside its floors: read the ratios, not the times.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use microbreaker::{Breaker, Config, CountWindow, ManualClock, Phase};

static CLOCK: ManualClock = ManualClock::new(0);

type Last<const WORDS: usize> = Breaker<CountWindow<WORDS>, &'static ManualClock>;

static CONSECUTIVE: Breaker<(), &ManualClock> =
    Breaker::new(Config::new().consecutive_failures(5).open_for(1_000), (), &CLOCK);
static LAST_100: Last<7> = Breaker::new(
    Config::new().failure_rate(50).min_calls(100).last_calls(100).open_for(1_000),
    CountWindow::new(),
    &CLOCK,
);
static FAILING: Last<7> = Breaker::new(
    Config::new().failure_rate(50).min_calls(100).last_calls(100).open_for(1_000),
    CountWindow::new(),
    &CLOCK,
);
static OPEN: Breaker<(), &ManualClock> =
    Breaker::new(Config::new().consecutive_failures(1).open_for(1_000), (), &CLOCK);

fn hot_path(c: &mut Criterion) {
    let word = AtomicU32::new(0);
    let mut group = c.benchmark_group("floor");
    group.bench_function("two loads", |b| {
        b.iter(|| {
            black_box(&word).load(Ordering::Acquire) ^ black_box(&word).load(Ordering::Acquire)
        });
    });
    group.bench_function("one compare-and-swap", |b| {
        b.iter(|| {
            let seen = black_box(&word).load(Ordering::Relaxed);
            word.compare_exchange(seen, seen.wrapping_add(1), Ordering::AcqRel, Ordering::Relaxed)
        });
    });
    group.finish();

    let mut group = c.benchmark_group("guarded call");
    let call = |ok: bool| black_box(if ok { Ok(()) } else { Err(()) });
    group.bench_function("healthy, consecutive failures", |b| {
        b.iter(|| CONSECUTIVE.call(|| call(true)));
    });
    group.bench_function("healthy, last 100", |b| b.iter(|| LAST_100.call(|| call(true))));
    let mut n = 0_u32;
    group.bench_function("10 % failures, last 100", |b| {
        b.iter(|| {
            n = n.wrapping_add(1);
            FAILING.call(|| call(!n.is_multiple_of(10)))
        });
    });
    assert_eq!(FAILING.phase(), Phase::Closed);
    OPEN.trip();
    group.bench_function("refused while open", |b| b.iter(|| OPEN.call(|| call(true))));
    assert_eq!(OPEN.phase(), Phase::Open);
    group.finish();
}

criterion_group!(benches, hot_path);
criterion_main!(benches);
