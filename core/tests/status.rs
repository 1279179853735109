//! A table of breakers of different types, behind `dyn Status`.

use microbreaker::config::{ConstConfig, Fixed};
use microbreaker::{
    Breaker, Command, Config, Counters, IllegalTransition, Phase, ShortWindow, Status, TimeWindow,
    clock::ManualClock,
};

/// Leaves out the manual phases and explicit lengths.
struct Lean;

impl ConstConfig for Lean {
    const CONFIG: Config = Config::new().failures_in_window(2).last_calls(8).open_for(30);
    const MANUAL_PHASES: bool = false;
    const EXPLICIT_LENGTHS: bool = false;
}

const EVERY: [Command; 7] = [
    Command::Trip,
    Command::TripFor(500),
    Command::HalfOpen,
    Command::Reset,
    Command::ForceOpen,
    Command::Disable,
    Command::MetricsOnly,
];

/// Gives `test` new breakers: two full ones of different types, and a lean one.
fn with_table(test: impl Fn([&(dyn Status + Sync); 3])) {
    static CLOCK: ManualClock = ManualClock::new(0);
    let config = Config::new().consecutive_failures(1).open_for(10);
    let sensor = Breaker::new(config, (), &CLOCK);
    let config = Config::new().failures_in_window(2).bucket(5).open_for(20);
    let radio = Breaker::observed(config, TimeWindow::<4>::new(), &CLOCK, Counters::new());
    let pump: Breaker<_, _, _, Fixed<Lean>> = Breaker::fixed(ShortWindow::new(), &CLOCK, ());
    test([&sensor, &radio, &pump]);
}

#[test]
fn breakers_of_different_types_are_read_through_one_table() {
    with_table(|table| {
        table.iter().for_each(|breaker| breaker.command(Command::Trip).unwrap());
        assert_eq!(table.map(|breaker| breaker.phase()), [Phase::Open; 3]);
        let waits = table.map(|breaker| breaker.snapshot().retry_after);
        assert_eq!(waits, [Some(10), Some(20), Some(30)]);
    });
}

#[test]
fn each_command_enters_its_phase() {
    for command in EVERY {
        with_table(|[sensor, radio, _]| {
            for breaker in [sensor, radio] {
                breaker.command(Command::Trip).unwrap();
                assert_eq!(breaker.command(command), Ok(()), "{command:?}");
                assert_eq!(breaker.phase(), command.phase(), "{command:?}");
            }
        });
    }
}

#[test]
fn trip_for_opens_for_that_long() {
    with_table(|[sensor, ..]| {
        assert_eq!(sensor.command(Command::TripFor(500)), Ok(()));
        assert_eq!(sensor.snapshot().retry_after, Some(500));
        assert_eq!(sensor.command(Command::TripFor(0)), Ok(()));
        assert_eq!(sensor.snapshot().retry_after, Some(500));
    });
}

#[test]
fn a_command_that_the_phase_does_not_allow_is_refused() {
    with_table(|table| {
        for breaker in table {
            let before = breaker.snapshot();
            let refused = breaker.command(Command::HalfOpen).unwrap_err();
            assert_eq!((refused.from, refused.to), (Phase::Closed, Phase::HalfOpen));
            assert_eq!(breaker.snapshot(), before);
        }
    });
}

#[test]
fn what_the_configuration_source_leaves_out_is_refused() {
    with_table(|[_, _, pump]| {
        for command in
            [Command::TripFor(500), Command::ForceOpen, Command::Disable, Command::MetricsOnly]
        {
            let before = pump.snapshot();
            let IllegalTransition { from, to, .. } = pump.command(command).unwrap_err();
            assert_eq!((from, to), (Phase::Closed, command.phase()));
            assert_eq!(pump.snapshot(), before, "{command:?}");
        }
        for command in [Command::Trip, Command::HalfOpen, Command::Reset] {
            assert_eq!(pump.command(command), Ok(()));
            assert_eq!(pump.phase(), command.phase());
        }
    });
}

#[test]
fn commands_are_found_by_name() {
    for command in EVERY {
        let found = (!matches!(command, Command::TripFor(_))).then_some(command);
        assert_eq!(Command::named(command.name()), found);
    }
    assert_eq!(Command::WITHOUT_ARGUMENT.len(), EVERY.len() - 1);
    assert_eq!(Command::named("Trip"), None);
}
