//! Settings to begin with.

use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Preset;
use microbreaker_std::{Breaker, Phase, Settings};

const ALL: [Preset; 8] = [
    Preset::HttpService,
    Preset::Database,
    Preset::PaymentGateway,
    Preset::Search,
    Preset::Analytics,
    Preset::Auth,
    Preset::Notification,
    Preset::BestEffort,
];

#[test]
fn each_preset_opens_at_its_share_of_failures_and_not_for_fewer_than_five() {
    for preset in ALL {
        let builder = Breaker::builder("users").preset(preset);
        let breaker = builder.clock(PausedClock::new()).jitter(0).build().unwrap();
        let settings = preset.settings();
        let (rate, min) = (settings.failure_rate.unwrap(), settings.min_calls.unwrap());
        for _ in 0..4 {
            let _ = breaker.call(|| Err::<(), _>(()));
        }
        assert_eq!(breaker.phase(), Phase::Closed, "{preset:?}");
        breaker.reset();
        let failures = (min * rate).div_ceil(100);
        assert!(failures >= 5, "{preset:?}");
        for n in 0..min {
            let _ = breaker.call(|| if n < min - failures { Ok(()) } else { Err(()) });
        }
        assert_eq!(breaker.phase(), Phase::Open, "{preset:?}");
        assert_eq!(breaker.snapshot().retry_after, settings.open_for, "{preset:?}");
    }
}

#[test]
fn the_numbers_of_the_field() {
    let numbers = |preset: Preset| {
        let settings = preset.settings();
        (
            settings.failure_rate.unwrap(),
            settings.slow_after.unwrap().as_millis(),
            settings.open_for.unwrap().as_secs(),
        )
    };
    assert_eq!(numbers(Preset::HttpService), (50, 2_000, 30));
    assert_eq!(numbers(Preset::Database), (30, 1_000, 15));
    assert_eq!(numbers(Preset::PaymentGateway), (10, 1_000, 120));
    assert_eq!(numbers(Preset::Search), (50, 500, 30));
    assert_eq!(numbers(Preset::Analytics), (70, 5_000, 10));
    assert_eq!(numbers(Preset::Auth), (20, 500, 60));
    assert_eq!(numbers(Preset::Notification), (60, 3_000, 20));
    assert_eq!(numbers(Preset::BestEffort), (80, 5_000, 5));
    assert!(ALL.iter().all(|preset| preset.settings().last_calls == Some(100)));
}

/// A callee that hangs does not fail.
#[test]
fn each_preset_opens_when_four_of_five_calls_are_slow() {
    for preset in ALL {
        let clock = PausedClock::new();
        let breaker = Breaker::builder("users").preset(preset).clock(clock.clone());
        let breaker = breaker.build().unwrap();
        for n in 0..100 {
            assert_eq!(breaker.phase(), Phase::Closed, "{preset:?}, call {n}");
            let _ = breaker.call(|| {
                let slow = preset.settings().slow_after.unwrap() + Duration::from_millis(1);
                clock.advance(if n < 21 { Duration::ZERO } else { slow });
                Ok::<_, ()>(())
            });
        }
        assert_eq!(breaker.phase(), Phase::Closed, "{preset:?}: 79 of the last 100");
        let permit = breaker.try_acquire().unwrap();
        clock.advance(Duration::from_secs(6));
        permit.success();
        assert_eq!(breaker.phase(), Phase::Open, "{preset:?}: 80 of the last 100");
    }
}

#[test]
fn three_probes_decide_after_an_opening_that_is_up_to_a_fifth_longer() {
    for preset in ALL {
        let clock = PausedClock::new();
        let open_for = preset.settings().open_for.unwrap();
        let openings = (0..100).map(|seed| {
            let breaker = Breaker::builder("users").preset(preset).jitter_seed(seed);
            let breaker = breaker.clock(clock.clone()).build().unwrap();
            breaker.trip();
            let opening = breaker.snapshot().retry_after.unwrap();
            assert!((open_for..=open_for * 6 / 5).contains(&opening), "{preset:?}: {opening:?}");
            clock.advance(opening);
            for probe in 1..=3 {
                assert_eq!(breaker.phase(), Phase::HalfOpen, "{preset:?}, probe {probe}");
                breaker.call(|| Ok::<_, ()>(())).unwrap();
            }
            assert_eq!(breaker.phase(), Phase::Closed, "{preset:?}");
            opening
        });
        let (first, last) = (openings.clone().min().unwrap(), openings.max().unwrap());
        assert!(last - first > open_for / 10, "{preset:?}: {first:?} to {last:?}");
    }
}

#[test]
fn what_is_set_beside_takes_precedence() {
    let own = || Settings {
        failure_ratio: Some((1, 200)),
        min_calls: Some(200),
        last_calls: None,
        within: Some(Duration::from_secs(60)),
        preset: Some(Preset::PaymentGateway),
        unset: vec!["jitter".to_owned()],
        ..Settings::default()
    };
    let general = Settings { jitter: Some(50), probes: Some(9), ..Settings::default() };
    let breaker = Breaker::builder("users").consecutive_failures(9).open_for(Duration::MAX);
    let breaker = breaker.settings(own()).build().unwrap();
    for settings in [breaker.settings().clone(), own().over(&general), general.over(&own())] {
        let window = (settings.within, settings.last_calls);
        assert_eq!(window, (Some(Duration::from_secs(60)), None), "the window is one setting");
        assert_eq!((settings.failure_ratio, settings.failure_rate), (Some((1, 200)), None));
        assert_eq!(settings.open_for, Some(Duration::from_secs(120)), "from the preset");
        assert_eq!(settings.preset, None);
    }
    assert_eq!(own().over(&general).jitter, None);
    assert_eq!(own().over(&general).probes, Some(3), "the preset is at the place of its name");
    assert_eq!(general.over(&own()).probes, Some(9));
}

#[test]
fn a_builder_keeps_what_was_set_before_the_preset() {
    let breaker = Breaker::builder("users").probes(9).preset(Preset::Database).jitter(0);
    let settings = breaker.build().unwrap().settings();
    assert_eq!((settings.probes, settings.jitter), (Some(9), Some(0)));
    assert_eq!(settings.failure_rate, Some(30), "from the preset");
}

#[test]
fn a_reload_to_a_preset_fills_it_in() {
    let breaker = Breaker::builder("users").preset(Preset::Database).build().unwrap();
    let search = Settings { preset: Some(Preset::Search), ..Settings::default() };
    breaker.reload(&search).unwrap();
    assert_eq!(breaker.settings(), Preset::Search.settings());
}
