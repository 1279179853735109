//! Numbers that wrap around: laps of the ring have 11 bits, generations 8.

use std::cell::Cell;

use microbreaker::{
    Breaker, Cause, Config, CountWindow, Decision, Observer, Outcome, Phase, ShortWindow,
    TimeWindow, WithSlow,
    clock::ManualClock,
    window::{Kind, Window},
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

static CLOCK: ManualClock = ManualClock::new(0);

type Bare<W> = Breaker<W, &'static ManualClock>;

const fn capacity<W: Window>() -> u32 {
    match W::KIND {
        Kind::Count { capacity } => capacity,
        _ => 0,
    }
}

/// A breaker that remembers as much as `window` can, and trips only manually.
fn patient<W: Window>(window: W) -> Bare<W> {
    let config = Config::new()
        .failure_rate(100)
        .last_calls(capacity::<W>())
        .min_calls(capacity::<W>())
        .open_for(10);
    Breaker::new(config, window, &CLOCK)
}

fn record<W: Window>(breaker: &Bare<W>, outcome: Outcome) {
    breaker.try_acquire().unwrap().finish(outcome);
}

fn tally<W: Window>(breaker: &Bare<W>) -> (u32, u32) {
    let tally = breaker.tally();
    (tally.calls, tally.failed)
}

/// Makes `count` transitions that do not touch the window.
fn forced<W: Window>(breaker: &Bare<W>, count: u32) {
    for i in 0..count {
        if i % 2 == 0 { breaker.force_open() } else { breaker.disable() }
    }
}

#[test]
fn a_word_from_2048_laps_ago_is_never_current() {
    fn short_tenures<const WORDS: usize, const BITS: u32>() {
        // Every length of tenure, each for more than two periods of laps.
        for length in 0..CountWindow::<WORDS, BITS>::CAPACITY {
            let breaker = patient(CountWindow::<WORDS, BITS>::new());
            record(&breaker, Outcome::Success);
            for tenure in 0..4_200 * WORDS as u32 {
                breaker.reset();
                assert_eq!(tally(&breaker), (0, 0), "tenure {tenure}");
                for call in 1..=length {
                    record(&breaker, Outcome::Failure);
                    assert_eq!(tally(&breaker), (call, call), "tenure {tenure}");
                }
            }
        }
    }
    short_tenures::<3, 1>();
    short_tenures::<3, 2>();
    short_tenures::<4, 2>();
}

/// One failure in four, in a single tenure.
fn slides<const WORDS: usize, const BITS: u32>(calls: u32) {
    let breaker = patient(CountWindow::<WORDS, BITS>::new());
    for call in 0..calls {
        let failed = call % 4 == 0;
        record(&breaker, if failed { Outcome::Failure } else { Outcome::Success });
        let last = (call + 1).min(CountWindow::<WORDS, BITS>::CAPACITY);
        let expected = (call + 1 - last..=call).filter(|i| i % 4 == 0).count() as u32;
        assert_eq!(tally(&breaker), (last, expected), "call {call}");
    }
}

#[test]
fn a_window_slides_through_a_tenure_of_2048_laps() {
    slides::<5, 3>(2 * 2_048 * 5 * 3 + 100);
}

#[test]
fn a_window_of_the_most_words_slides_all_the_way_round() {
    slides::<64, 1>(300);
}

#[test]
fn a_window_does_not_survive_256_transitions() {
    fn survives_none<W: Window + Default>() {
        for transitions in 1..=520 {
            let breaker = patient(W::default());
            record(&breaker, Outcome::Failure);
            forced(&breaker, transitions - 1);
            breaker.reset();
            assert_eq!(tally(&breaker), (0, 0), "after {transitions} transitions");
        }
    }
    survives_none::<CountWindow<5, 3>>();
    survives_none::<ShortWindow>();
    survives_none::<WithSlow<ShortWindow>>();
}

#[test]
fn a_window_does_not_survive_256_trips_in_a_row() {
    fn survives_none<W: Window + Default>() {
        for trips in 1..=520 {
            let breaker = patient(W::default());
            record(&breaker, Outcome::Failure);
            for _ in 0..trips {
                breaker.trip();
            }
            assert_eq!(tally(&breaker), if trips == 1 { (1, 1) } else { (0, 0) });
            breaker.reset();
            assert_eq!(tally(&breaker), (0, 0), "after {trips} trips");
        }
    }
    survives_none::<CountWindow<5, 3>>();
    survives_none::<ShortWindow>();
    survives_none::<WithSlow<ShortWindow>>();
}

/// The word of a new [`ShortWindow`] carries the tag of generation 255.
#[test]
fn a_window_does_not_survive_256_tenures_of_openings_that_a_fleet_renews() {
    let clock = ManualClock::new(0);
    let config = Config::new().failures_in_window(2).last_calls(2).open_for(10);
    let breaker = Breaker::new(config, ShortWindow::new(), &clock);
    breaker.try_acquire().unwrap().failure();
    breaker.trip();
    for _ in 0..127 {
        clock.advance(10);
        assert!(breaker.follow(Decision::OpenFor(10)));
    }
    breaker.reset();
    assert_eq!((breaker.snapshot().generation, breaker.tally().calls), (0, 0));
}

/// Probes begin tenures, and close in one, without another look at the clock.
#[test]
fn a_window_does_not_survive_256_tenures_of_probes() {
    let clock = ManualClock::new(0);
    let config = Config::new().failure_rate(100).last_calls(20).min_calls(20).open_for(10);
    let breaker = Breaker::new(config, ShortWindow::new(), &clock);
    breaker.try_acquire().unwrap().failure();
    breaker.trip();
    for _ in 0..126 {
        clock.advance(10);
        breaker.try_acquire().unwrap().failure();
    }
    clock.advance(10);
    drop(breaker.try_acquire().unwrap());
    let probe = breaker.try_acquire().unwrap();
    assert_eq!(breaker.snapshot().generation, 255);
    probe.success();
    assert_eq!((breaker.phase(), breaker.snapshot().generation), (Phase::Closed, 0));
    assert_eq!(breaker.tally().failed, 0);
}

#[test]
fn a_short_window_starts_its_255th_tenure_empty() {
    let breaker = patient(ShortWindow::new());
    for tenure in 1..=300 {
        breaker.reset();
        assert_eq!(tally(&breaker), (0, 0), "tenure {tenure}");
        record(&breaker, Outcome::Failure);
        assert_eq!(tally(&breaker), (1, 1), "tenure {tenure}");
    }
}

#[test]
fn a_permit_from_255_transitions_ago_is_stale() {
    for transitions in 1..=255 {
        let breaker = patient(CountWindow::<3>::new());
        let permit = breaker.try_acquire().unwrap();
        forced(&breaker, transitions - 1);
        breaker.reset();
        permit.failure();
        assert_eq!(tally(&breaker), (0, 0), "after {transitions} transitions");
    }
}

/// The documented limit: unwanted, but known.
#[test]
fn a_permit_from_exactly_256_transitions_ago_is_taken_for_a_fresh_one() {
    let breaker = patient(CountWindow::<3>::new());
    let permit = breaker.try_acquire().unwrap();
    forced(&breaker, 255);
    breaker.reset();
    permit.failure();
    assert_eq!(tally(&breaker), (1, 1));
}

/// But such a permit cannot restart an opening.
#[test]
fn a_permit_from_exactly_256_transitions_ago_changes_no_breaker_that_refuses() {
    for refuse in [Bare::<()>::trip, Bare::force_open] {
        let config = Config::new().consecutive_failures(1).open_for(10);
        let breaker = Breaker::new(config, (), &CLOCK);
        let permit = breaker.try_acquire().unwrap();
        forced(&breaker, 255);
        refuse(&breaker);
        let before = breaker.snapshot();
        permit.failure();
        assert_eq!(breaker.snapshot(), before);
    }
}

#[test]
fn a_probe_from_exactly_256_transitions_ago_cannot_upset_the_count_of_probes() {
    let config = Config::new().consecutive_failures(1).open_for(10).probes(2).no_probe_timeout();
    let breaker = Breaker::new(config, (), &CLOCK);
    breaker.trip();
    breaker.half_open().unwrap();
    let old = [(); 2].map(|()| breaker.try_acquire().unwrap());
    for _ in 0..128 {
        breaker.trip();
        breaker.half_open().unwrap();
    }
    // No probe is out, so the old permits cannot be taken for one.
    for permit in old {
        permit.success();
    }
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    let _probes = [(); 2].map(|()| breaker.try_acquire().unwrap());
    assert!(breaker.try_acquire().is_err());
}

/// The first explicit length does not fit into the state word; the second does.
#[test]
fn the_excess_of_a_length_is_not_taken_off_another_256_transitions_later() {
    let breaker = patient(ShortWindow::new());
    breaker.trip_for((1 << 20) + 1);
    assert_eq!(breaker.snapshot().retry_after, Some((1 << 20) + 1));
    forced(&breaker, 255);
    breaker.trip_for(1 << 20);
    assert_eq!(breaker.snapshot().retry_after, Some(1 << 20));
}

#[test]
fn halving_keeps_the_ratio_of_a_million_calls() {
    let config = Config::new().failure_rate(100).min_calls(512).bucket(1_000).open_for(10);
    let breaker = Breaker::new(config, TimeWindow::<4>::new(), &CLOCK);
    // Three in ten fail.
    for call in 0..1_000_000_u32 {
        let failed = call % 10 < 3;
        breaker.try_acquire().unwrap().finish(if failed {
            Outcome::Failure
        } else {
            Outcome::Success
        });
    }
    let snapshot = breaker.snapshot();
    assert!((290..=310).contains(&snapshot.failure_permille().unwrap()), "{snapshot:?}");
}

/// Calls for each failure, if one of `one_of` fails at random: how many there were, and what
/// a busy window shows.
fn halved(one_of: u64) -> (u64, u64) {
    let config = Config::new().failure_ratio(1, 1).min_calls(512).bucket(1_000).open_for(10);
    let breaker = Breaker::new(config, TimeWindow::<1>::new(), &CLOCK);
    // Marsaglia's xorshift.
    let mut random = 0x5eed_u64;
    let (mut failures, mut calls, mut failed) = (0, 0, 0);
    const CALLS: u64 = 400_000;
    for _ in 0..CALLS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let permit = breaker.try_acquire().unwrap();
        if (random >> 32).is_multiple_of(one_of) {
            failures += 1;
            permit.failure();
        } else {
            permit.success();
        }
        let tally = breaker.tally();
        calls += u64::from(tally.calls);
        failed += u64::from(tally.failed);
    }
    (CALLS / failures, calls / failed)
}

/// Even if a bucket holds but one or two failures when its counts are halved.
#[test]
fn halving_keeps_a_fine_ratio_but_not_the_finest() {
    for one_of in [100, 300, 500] {
        let (rate, shown) = halved(one_of);
        assert!(rate.abs_diff(shown) * 10 <= rate, "1 of {rate} reads as 1 of {shown}");
    }
    let (rate, shown) = halved(1_000);
    assert!(shown > rate * 3 / 2, "1 of {rate} reads as 1 of {shown}");
}

#[test]
fn halving_never_leaves_more_failures_than_calls() {
    let config = Config::new().failure_rate(100).min_calls(512).bucket(1_000).open_for(10);
    let breaker = Breaker::new(config, TimeWindow::<1>::new(), &CLOCK);
    breaker.metrics_only();
    for _ in 0..2_000 {
        breaker.try_acquire().unwrap().failure();
        let tally = breaker.tally();
        assert_eq!(tally.failed, tally.calls);
    }
}

/// The counts are halved during a run of failures that is longer than half of them.
#[test]
fn halving_does_not_make_a_dry_run_report_again() {
    #[derive(Default)]
    struct Reports(Cell<u32>);
    impl Observer for Reports {
        fn would_trip(&self, _: Cause) {
            self.0.set(self.0.get() + 1);
        }
    }
    let config = Config::new().consecutive_failures(200).bucket(1_000).open_for(10);
    let reports = Reports::default();
    let breaker = Breaker::observed(config, TimeWindow::<1>::new(), &CLOCK, &reports);
    breaker.metrics_only();
    for call in 0..1_100 {
        let outcome = if call < 723 { Outcome::Success } else { Outcome::Failure };
        breaker.try_acquire().unwrap().finish(outcome);
    }
    assert_eq!(reports.0.get(), 1);
}

/// Trips by failures in two successive buckets, in each of `tenures` tenures with `idle`
/// ticks between them.
fn trips_in_two_buckets(tenures: u32, idle: u32) {
    let clock = ManualClock::new(0);
    let config = Config::new().failures_in_window(2).bucket(10).open_for(100);
    let breaker = Breaker::new(config, TimeWindow::<3>::new(), &clock);
    for _ in 0..tenures {
        breaker.try_acquire().unwrap().failure();
        clock.advance(10);
        breaker.try_acquire().unwrap().failure();
        assert_eq!(breaker.phase(), Phase::Open);
        clock.advance(idle);
        breaker.reset();
    }
}

#[test]
fn a_bucket_from_256_tenures_ago_is_not_taken_for_a_new_one() {
    trips_in_two_buckets(600, 0);
}

#[test]
fn a_bucket_from_half_a_turn_of_the_clock_ago_is_not_taken_for_a_new_one() {
    trips_in_two_buckets(8, (1 << 31) + (1 << 25));
}

/// Only a new window's cursor is all ones, whatever the generation and the slot.
#[test]
fn the_highest_cursor_is_not_taken_for_that_of_a_new_window() {
    fn highest<const BUCKETS: usize>(skipped: u32) {
        let clock = ManualClock::new(0);
        let config = Config::new().failures_in_window(9).bucket(1).open_for(10);
        let breaker = Breaker::new(config, TimeWindow::<BUCKETS>::new(), &clock);
        let first = (1 << 23) - 1 - skipped;
        for _ in 0..=256 {
            clock.set(first);
            breaker.reset();
            for (call, tick) in (1..).zip(first..1 << 23) {
                clock.set(tick);
                breaker.try_acquire().unwrap().failure();
                assert_eq!(breaker.tally().failed, call.min(BUCKETS as u32));
            }
        }
    }
    for skipped in 0..4 {
        highest::<1>(skipped);
        highest::<3>(skipped);
    }
}

/// From the tick `start` on, fails after each of `jumps`, counted in buckets.
fn moves_on<const BUCKETS: usize>(mut start: u32, bucket: u32, jumps: &[u32]) {
    start -= start % bucket;
    let clock = ManualClock::new(start);
    let config = Config::new().failures_in_window(500).bucket(bucket).open_for(10);
    let breaker = Breaker::new(config, TimeWindow::<BUCKETS>::new(), &clock);
    // Counted one by one, because the bucket before the clock wraps is cut short.
    let mut newest = 0;
    let mut failed = Vec::new();
    for jump in jumps {
        for _ in 0..*jump {
            start = start.checked_add(bucket).unwrap_or(0);
            newest += 1;
        }
        clock.set(start);
        breaker.try_acquire().unwrap().failure();
        failed.push(newest);
        failed.retain(|then| newest - then < BUCKETS);
        assert_eq!(breaker.tally().failed as usize, failed.len());
        assert_eq!(breaker.tally().calls as usize, failed.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whichever buckets are skipped, on either side of a multiple of 2^23.
    #[test]
    fn a_time_based_window_moves_on_where_high_bits_change(
        block in prop_oneof![1 => Just(0), 9 => 1_u32..512],
        before in 0_u32..20,
        bucket in select(vec![1, 7, 1 << 22, (1 << 23) + 1, 3 << 23, 1 << 29]),
        jumps in vec(prop_oneof![3 => Just(0), 2 => Just(1), 1 => Just(2)], 60),
    ) {
        let start = (block << 23).wrapping_sub(before.wrapping_mul(bucket));
        moves_on::<1>(start, bucket, &jumps);
        moves_on::<3>(start, bucket, &jumps);
        if bucket <= 1 << 24 {
            moves_on::<126>(start, bucket, &jumps);
        }
    }
}
