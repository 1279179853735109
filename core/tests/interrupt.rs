//! An interrupt handler that uses a breaker in the middle of another operation on it.
//!
//! Deterministic: operations read the clock midway, so the clock can play the
//! interrupt. In particular, a transition reads it just after publishing the
//! phase, before the tick at which the phase began is known.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use microbreaker::{
    Breaker, Cause, Clock, Config, CountWindow, Counters, FailureWindow, Observer, Phase,
    ShortWindow, Tally, TimeWindow, WithSlow,
    window::{Kind, Reach, Record, Tenure, Window},
};

/// Far from 0, so that a tick that was never set would show.
const START: u32 = 1_000_000;

type Subject = Breaker<(), Board, Counters>;
type Operation = fn(&Subject);

/// A clock, and the one interrupt that fires when it is read.
#[derive(Clone, Default)]
struct Board(Rc<Wiring>);

#[derive(Default)]
struct Wiring {
    tick: Cell<u32>,
    /// Reads left before the interrupt, and its handler; `None` once it has fired.
    pending: Cell<Option<(u32, Operation)>>,
    breaker: OnceCell<Rc<Subject>>,
}

impl Board {
    fn advance(&self, ticks: u32) {
        self.0.tick.set(self.0.tick.get() + ticks);
    }
}

impl Clock for Board {
    fn now(&self) -> u32 {
        let now = self.0.tick.get();
        match self.0.pending.take() {
            Some((0, handler)) => handler(self.0.breaker.get().unwrap()),
            Some((reads, handler)) => self.0.pending.set(Some((reads - 1, handler))),
            None => {}
        }
        now
    }
}

/// Runs `operation` on a `prepared` breaker once for each time it reads the clock,
/// lets `handler` interrupt it there, and then `check`s the breaker.
fn interrupt(
    prepared: fn(&Subject, &Board),
    operation: Operation,
    handler: Operation,
    check: impl Fn(&Subject, &Board),
) {
    for read in 0.. {
        let board = Board::default();
        board.advance(START);
        let config = Config::new().consecutive_failures(1).open_for(100).probe_timeout(50);
        let config = config.ramp([1], 1_000);
        let breaker = Rc::new(Breaker::observed(config, (), board.clone(), Counters::new()));
        board.0.breaker.set(breaker.clone()).ok().unwrap();
        prepared(&breaker, &board);
        board.0.pending.set(Some((read, handler)));
        operation(&breaker);
        if board.0.pending.take().is_some() {
            assert!(read > 0, "the operation does not read the clock");
            return;
        }
        check(&breaker, &board);
    }
}

fn fresh(_: &Subject, _: &Board) {}

/// Open, with the opening just over.
fn due(breaker: &Subject, board: &Board) {
    breaker.trip();
    board.advance(100);
}

/// Half-open, with its only probe lost and the deadline 20 ticks ago.
fn overdue(breaker: &Subject, board: &Board) {
    due(breaker, board);
    let _ = breaker.try_acquire().unwrap().into_token();
    board.advance(70);
}

fn fail(breaker: &Subject) {
    breaker.try_acquire().unwrap().failure();
}

fn refused_for(breaker: &Subject) -> Option<u32> {
    breaker.try_acquire().unwrap_err().retry_after
}

/// The clock has moved on since it was last read: an old tick, taken for that of the
/// opening, would say that the opening is over.
#[test]
fn an_opening_is_whole_before_its_tick_is_known() {
    let refused: Operation = |breaker| {
        assert_eq!(breaker.phase(), Phase::Open);
        assert_eq!(refused_for(breaker), Some(100));
    };
    for operation in [fail, Subject::trip] {
        interrupt(fresh, operation, refused, |breaker, _| {
            assert_eq!(refused_for(breaker), Some(100))
        });
    }
    let refused_for_7: Operation = |breaker| assert_eq!(refused_for(breaker), Some(7));
    interrupt(
        fresh,
        |breaker| breaker.trip_for(7),
        refused_for_7,
        |breaker, board| {
            assert_eq!(refused_for(breaker), Some(7));
            board.advance(7);
            assert_eq!(breaker.phase(), Phase::HalfOpen);
        },
    );
}

/// A length that does not fit is rounded up, and only the interrupted operation
/// knows by how much: a handler is never admitted early, and once the operation has
/// finished the length is exact.
#[test]
fn an_explicit_length_is_never_cut_short_and_ends_up_exact() {
    const LONG: u32 = (1 << 30) + 1;
    let refused: Operation = |breaker| assert!(refused_for(breaker) >= Some(LONG));
    interrupt(
        fresh,
        |breaker| breaker.trip_for(LONG),
        refused,
        |breaker, _| {
            assert_eq!(refused_for(breaker), Some(LONG));
        },
    );
}

#[test]
fn a_reset_in_the_middle_of_a_trip_wins() {
    for operation in [fail, Subject::trip, |breaker: &Subject| breaker.trip_for(7)] {
        interrupt(fresh, operation, Subject::reset, |breaker, _| {
            assert_eq!(breaker.phase(), Phase::Closed);
            fail(breaker);
            assert_eq!(refused_for(breaker), Some(100));
        });
    }
}

#[test]
fn a_second_trip_in_the_middle_of_a_trip_wins() {
    for operation in [fail, Subject::trip, |breaker: &Subject| breaker.trip_for(30)] {
        interrupt(
            fresh,
            operation,
            |breaker| breaker.trip_for(7),
            |breaker, _| {
                assert_eq!(refused_for(breaker), Some(7));
            },
        );
    }
}

#[test]
fn two_callers_at_once_get_one_probe() {
    thread_local!(static GIVEN: Cell<u32> = const { Cell::new(0) });
    let ask: Operation = |breaker| {
        if let Ok(probe) = breaker.try_acquire() {
            let _ = probe.into_token();
            GIVEN.set(GIVEN.get() + 1);
        }
    };
    interrupt(due, ask, ask, |breaker, _| {
        assert_eq!(GIVEN.take(), 1);
        assert_eq!(breaker.phase(), Phase::HalfOpen);
    });
}

/// No ramp here: only a close by probes is gradual.
#[test]
fn a_reset_in_the_middle_of_an_acquire_admits() {
    let admitted: Operation = |breaker| assert!(breaker.try_acquire().is_ok());
    interrupt(due, admitted, Subject::reset, |breaker, _| admitted(breaker));
}

#[test]
fn a_deadline_is_noticed_once() {
    let ask: Operation = |breaker| assert_eq!(refused_for(breaker), Some(80));
    interrupt(overdue, ask, ask, |breaker, _| {
        assert_eq!(refused_for(breaker), Some(80));
        let counts = breaker.observer().counts();
        assert_eq!(counts.transitions, 3, "open, half-open, open");
    });
}

#[test]
fn a_phase_forced_in_the_middle_stays() {
    for operation in [fail, Subject::trip, Subject::reset] {
        interrupt(fresh, operation, Subject::force_open, |breaker, board| {
            assert_eq!(breaker.phase(), Phase::ForcedOpen);
            board.advance(1_000);
            assert_eq!(refused_for(breaker), None);
        });
        interrupt(fresh, operation, Subject::disable, |breaker, _| {
            assert_eq!(breaker.phase(), Phase::Disabled);
            fail(breaker);
            assert_eq!(breaker.phase(), Phase::Disabled);
        });
    }
}

/// A clock whose first read is interrupted by a handler.
mod interrupted_once {
    use std::sync::Mutex;

    use microbreaker::{Breaker, Config, TimeWindow};

    static HANDLER: Mutex<Option<fn()>> = Mutex::new(None);

    fn now() -> u32 {
        let handler = HANDLER.lock().unwrap().take();
        if let Some(handler) = handler {
            handler();
        }
        1 << 30
    }

    static BREAKER: Breaker<TimeWindow<4>, fn() -> u32> = Breaker::new(
        Config::new().failures_in_window(10).bucket(1 << 27).open_for(10),
        TimeWindow::new(),
        now,
    );

    /// The window stores two bits of the generation: it must not go untouched for four
    /// generations, whichever thread sleeps.
    #[test]
    fn a_reset_within_a_reset_empties_the_window() {
        BREAKER.reset();
        for _ in 0..5 {
            BREAKER.try_acquire().unwrap().failure();
        }
        BREAKER.trip();
        *HANDLER.lock().unwrap() = Some(|| {
            BREAKER.trip();
            BREAKER.reset();
        });
        BREAKER.reset();
        assert!(HANDLER.lock().unwrap().is_none(), "nothing was interrupted");
        assert_eq!(BREAKER.tally().failed, 0);
    }
}

/// A handler that runs just before an operation reaches the window.
mod overtaken {
    use super::*;

    type Handler = Rc<Cell<Option<Box<dyn FnOnce()>>>>;

    struct Overtaken<W> {
        window: W,
        handler: Handler,
    }

    impl<W> Overtaken<W> {
        fn let_in(&self) -> &W {
            if let Some(handler) = self.handler.take() {
                handler();
            }
            &self.window
        }
    }

    impl<W: Window> Window for Overtaken<W> {
        const KIND: Kind = W::KIND;
        const SLOW: bool = W::SLOW;

        fn record(
            &self,
            tenure: Tenure<'_>,
            reach: &Reach<impl Fn() -> u32>,
            call: Record,
        ) -> Option<Tally> {
            self.let_in().record(tenure, reach, call)
        }

        fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
            self.let_in().tally(tenure, reach)
        }

        fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
            self.let_in().begin(tenure, reach);
        }
    }

    type Subject<W> = Breaker<Overtaken<W>, Board, Counters>;

    /// Runs `operation` on a `prepared` breaker; in the middle of it, a handler starts
    /// the next tenure and a call fails there.
    fn by_the_next_tenure<W: Window + Default + 'static>(
        config: Config,
        prepared: fn(&Subject<W>),
        operation: fn(&Subject<W>),
    ) {
        let handler = Handler::default();
        let window = Overtaken { window: W::default(), handler: handler.clone() };
        let config = config.consecutive_failures(9).open_for(100);
        let breaker = Rc::new(Breaker::observed(config, window, Board::default(), Counters::new()));
        prepared(&breaker);
        // Admitted beforehand, so that only recording is left to do.
        let late = breaker.try_acquire().unwrap().into_token();
        let handlers = breaker.clone();
        handler.set(Some(Box::new(move || {
            handlers.reset();
            handlers.try_acquire().unwrap().failure();
        })));
        operation(&breaker);
        breaker.resume(late).failure();
        assert!(handler.take().is_none(), "nothing was overtaken");
        let remembered = u32::from(W::KIND != Kind::None);
        let expected = Tally { calls: remembered, failed: remembered, slow: 0, level: 0 };
        assert_eq!(breaker.tally(), expected);
        assert_eq!(breaker.snapshot().consecutive_failures, 1);
        assert_eq!(breaker.observer().counts().stale, 1, "the late one");
    }

    /// The cursor holds six bits of the generation, and the elapsed ticks cancel out the
    /// generation's part in the bucket's tag.
    #[test]
    fn by_64_tenures_and_64_times_the_range_of_the_low_bits() {
        const TENURES: u32 = 64;
        let handler = Handler::default();
        let window = Overtaken { window: TimeWindow::<4>::new(), handler: handler.clone() };
        let config = Config::new().failures_in_window(9).bucket(1 << 28).open_for(100);
        let board = Board::default();
        let breaker = Rc::new(Breaker::observed(config, window, board.clone(), Counters::new()));
        let late = breaker.try_acquire().unwrap().into_token();
        let handlers = breaker.clone();
        handler.set(Some(Box::new(move || {
            for _ in 0..TENURES {
                handlers.reset();
            }
            board.advance(TENURES << 23);
        })));
        breaker.resume(late).failure();
        assert_eq!(breaker.tally(), Tally::default());
    }

    fn in_every_phase<W: Window + Default + 'static>(config: Config) {
        for prepared in [|_: &Subject<W>| {}, Subject::<W>::metrics_only] {
            by_the_next_tenure::<W>(config, prepared, |_| {});
            by_the_next_tenure::<W>(config, prepared, Subject::reset);
            by_the_next_tenure::<W>(config, prepared, |breaker| {
                let seen = breaker.snapshot();
                assert_eq!(seen.consecutive_failures, 1, "of one tenure");
                assert_eq!(seen.tally, breaker.tally());
            });
        }
    }

    #[test]
    fn late_outcomes_change_nothing() {
        in_every_phase::<()>(Config::new());
        in_every_phase::<ShortWindow>(Config::new().last_calls(10));
        in_every_phase::<CountWindow<3>>(Config::new().last_calls(10));
        in_every_phase::<TimeWindow<4>>(Config::new().bucket(10));
        in_every_phase::<FailureWindow<4>>(Config::new().bucket(10));
        in_every_phase::<WithSlow<ShortWindow>>(Config::new().last_calls(10));
    }
}

/// The whole window expires while a success is recorded: the dry run has then
/// recovered, and reports again.
#[test]
fn a_dry_run_recovers_when_the_window_expires_during_a_success() {
    #[derive(Default)]
    struct Reports(Cell<u32>);
    impl Observer for Reports {
        fn would_trip(&self, _: Cause) {
            self.0.set(self.0.get() + 1);
        }
    }
    let (tick, step) = (Cell::new(START), Cell::new(0));
    let clock = || tick.replace(tick.get() + step.get());
    let config = Config::new().failure_rate(50).bucket(1).open_for(10);
    let breaker = Breaker::observed(config, TimeWindow::<1>::new(), clock, Reports::default());
    breaker.metrics_only();
    breaker.try_acquire().unwrap().failure();
    step.set(1);
    breaker.try_acquire().unwrap().success();
    step.set(0);
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.observer().0.get(), 2);
}
