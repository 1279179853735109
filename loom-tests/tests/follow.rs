//! A breaker of a fleet: each probe that was lent ends once, and what the fleet decides
//! takes effect at one moment, or not at all.
#![cfg(loom)]

use std::sync::{Arc, Mutex};

use loom::sync::atomic::{AtomicU32, Ordering};
use microbreaker::{
    Breaker, Cause, Clock, Config, Decision, Gate, Observer, Outcome, Phase, Token,
    config::ConfigSource,
};
use microbreaker_loom_tests::*;

/// Lends probes from a stock, and takes those back that were of no use.
struct Stock {
    left: AtomicU32,
    lent: Mutex<u32>,
    ended: Mutex<Vec<(Outcome, bool)>>,
}

impl Stock {
    fn of(left: u32) -> Self {
        Self { left: AtomicU32::new(left), lent: Mutex::default(), ended: Mutex::default() }
    }

    /// How many probes are lent that have not ended.
    fn out(&self) -> u32 {
        let ended = self.ended.lock().unwrap().len();
        self.lent.lock().unwrap().checked_sub(ended as u32).expect("one has ended twice")
    }
}

impl Observer for Stock {
    fn lend_probe(&self) -> bool {
        let take = |left: u32| left.checked_sub(1);
        let lent = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok();
        *self.lent.lock().unwrap() += u32::from(lent);
        lent
    }

    fn probe_ended(&self, outcome: Outcome, stale: bool) {
        self.ended.lock().unwrap().push((outcome, stale));
        if outcome == Outcome::Ignored {
            self.left.fetch_add(1, Ordering::AcqRel);
        }
    }
}

type Member<C = Still, G = Config> = Breaker<(), C, (Journal, Stock), G>;

/// Opens at one failure, for 500 ticks; needs two successes of two probes.
const CONFIG: Config = Config::new().consecutive_failures(1).open_for(500).probes(2).successes(2);

const ONE_PROBE: Config = CONFIG.probes(1).successes(1);

fn member(config: Config, stock: u32) -> Arc<Member> {
    let observer = (Journal::default(), Stock::of(stock));
    Arc::new(Breaker::observed(config, (), Still, observer))
}

fn half_open(config: Config, stock: u32) -> Arc<Member> {
    let member = member(config, stock);
    member.trip();
    member.half_open().unwrap();
    member
}

fn journal<C: Clock, G: ConfigSource>(member: &Member<C, G>) -> &Journal {
    &member.observer().0
}

fn stock<C: Clock, G: ConfigSource>(member: &Member<C, G>) -> &Stock {
    &member.observer().1
}

fn hold<C: Clock, G: ConfigSource>(member: &Member<C, G>) -> Option<Token> {
    member.try_acquire().ok().map(|permit| permit.into_token())
}

fn left<C: Clock, G: ConfigSource>(member: &Member<C, G>) -> Option<u32> {
    member.snapshot().retry_after
}

/// Opens for `ticks` with the fleet.
fn open_for<C: Clock, G: ConfigSource>(ticks: u32) -> impl Fn(&Member<C, G>) -> bool + Copy {
    move |member| member.follow(Decision::OpenFor(ticks))
}

fn close<C: Clock, G: ConfigSource>(member: &Member<C, G>) -> bool {
    member.follow(Decision::Close)
}

/// The loser gives its leave back.
#[test]
fn of_two_that_have_leave_one_takes_the_only_place() {
    model_with(2, || {
        let member = half_open(ONE_PROBE, 2);
        let (one, other) = race(&member, hold, hold);
        assert!(one.is_some() != other.is_some());
        assert_eq!(stock(&member).out(), 1);
        let back = (Outcome::Ignored, false);
        assert!(stock(&member).ended.lock().unwrap().iter().all(|&ended| ended == back));
    });
}

#[test]
fn of_two_places_one_has_leave() {
    model_with(2, || {
        let member = half_open(CONFIG, 1);
        let (one, other) = race(&member, hold, hold);
        assert!(one.is_some() != other.is_some());
        assert_eq!(stock(&member).out(), 1);
    });
}

#[test]
fn a_probe_that_ends_beside_one_that_begins() {
    let outcomes = [Outcome::Success, Outcome::Failure, Outcome::Ignored];
    let model = |outcome| {
        move || {
            let member = half_open(CONFIG, 2);
            let probe = hold(&member).unwrap();
            let end = move |member: &Member| member.complete(probe, 0, None, outcome);
            let (_, other) = race(&member, end, hold);
            let is_out = other.is_some_and(Token::is_probe);
            assert_eq!(stock(&member).out(), u32::from(is_out));
        }
    };
    models_with(2, outcomes.map(model));
}

#[test]
fn a_probe_that_ends_beside_what_makes_it_stale() {
    let changes: [fn(&Member); 4] =
        [Breaker::reset, Breaker::force_open, |m| _ = open_for(9)(m), |m| _ = close(m)];
    let model = |change: fn(&Member)| {
        move || {
            let member = half_open(ONE_PROBE, 1);
            let probe = hold(&member).unwrap();
            race(&member, change, move |member| member.complete(probe, 0, None, Outcome::Success));
            assert_eq!(stock(&member).ended.lock().unwrap().len(), 1);
            assert_eq!(stock(&member).out(), 0);
        }
    };
    models_with(2, changes.map(model));
}

/// Before the reset it has leave, after it needs none.
#[test]
fn a_caller_beside_a_reset_after_which_there_is_no_leave() {
    model_with(2, || {
        let member = half_open(CONFIG, 1);
        let reset_and_withdraw = |member: &Member| {
            member.reset();
            stock(member).left.swap(0, Ordering::AcqRel);
        };
        let (_, held) = race(&member, reset_and_withdraw, hold);
        assert!(held.is_some());
    });
}

#[test]
fn an_opening_beside_a_trip_is_one_transition() {
    let model = |ticks| {
        move || {
            let member = member(CONFIG, 0);
            let call = hold(&member).unwrap();
            let fail = move |member: &Member| member.complete(call, 0, None, Outcome::Failure);
            let (followed, ()) = race(&member, open_for(ticks), fail);
            assert_eq!(journal(&member).path(), [Phase::Closed, Phase::Open]);
            assert_eq!(journal(&member).heard(Phase::Open, Cause::Fleet), usize::from(followed));
            assert_eq!(left(&member), Some(if followed { ticks } else { 500 }));
        }
    };
    models_with(2, [200, 2_001].map(model));
}

#[test]
fn an_opening_beside_one_that_was_demanded_cuts_nothing_short() {
    model_with(2, || {
        let member = member(CONFIG, 0);
        let call = hold(&member).unwrap();
        let busy = Outcome::FailureOpenFor(2_001);
        let demand = move |member: &Member| member.complete(call, 0, None, busy);
        let (followed, ()) = race(&member, open_for(200), demand);
        assert_eq!(journal(&member).path(), [Phase::Closed, Phase::Open]);
        assert_eq!(left(&member), Some(if followed { 200 } else { 2_001 }));
    });
}

/// The opening is over: whether its probe went out or not, the recovery has failed.
#[test]
fn an_opening_beside_the_probe_of_one_that_is_over() {
    model_with(2, || {
        let ticks = Ticks::at(Still::NOW);
        let observer = (Journal::default(), Stock::of(1));
        let member = Arc::new(Member::observed(CONFIG, (), ticks.clone(), observer));
        member.trip();
        ticks.advance(500);
        let (held, followed) = race(&member, hold, open_for(200));
        assert!(followed);
        assert_eq!(stock(&member).out(), u32::from(held.is_some()));
        let now = member.snapshot();
        assert_eq!((now.phase, now.retry_after), (Phase::Open, Some(200)));
        assert_eq!(now.backoff_level, 1);
    });
}

#[test]
fn two_openings_at_once_are_one() {
    model_with(2, || {
        let member = member(CONFIG, 0);
        let (one, other) = race(&member, open_for(200), open_for(300));
        assert!(one != other);
        assert_eq!(left(&member), Some(if one { 200 } else { 300 }));
    });
}

#[test]
fn closing_beside_a_failed_probe() {
    model_with(2, || {
        let member = half_open(ONE_PROBE, 1);
        let probe = hold(&member).unwrap();
        let fail = move |member: &Member| member.complete(probe, 0, None, Outcome::Failure);
        let (_, followed) = race(&member, fail, close);
        assert!(followed);
        assert_eq!(journal(&member).path().last(), Some(&Phase::Closed));
        assert_eq!(journal(&member).heard(Phase::Closed, Cause::Fleet), 1);
        assert_eq!(member.phase(), Phase::Closed);
    });
}

const STEP: u32 = 100;
const RAMPING: Config = CONFIG.ramp([50], STEP);

/// Closes as of `ticks` ago.
fn close_as_of<C: Clock, G: ConfigSource>(ticks: u32) -> impl Fn(&Member<C, G>) -> bool + Copy {
    move |member| member.follow(Decision::CloseAsOf(ticks))
}

/// Ticks until the ramp's only step is over. `None` if the breaker is not on a ramp.
fn ramp_left<C: Clock, G: ConfigSource>(member: &Member<C, G>) -> Option<u32> {
    let now = member.outlook();
    now.ramp_step.and(now.changes_in)
}

/// The thread that closes may sleep while it settles, and wake in the opening.
#[test]
fn a_closing_as_of_earlier_beside_a_later_opening_in_the_same_tick() {
    model_with(2, || {
        let ticks = Ticks::at(Still::NOW);
        let observer = (Journal::default(), Stock::of(0));
        let member = Arc::new(Member::observed(RAMPING, (), ticks.clone(), observer));
        member.trip();
        member.half_open().unwrap();
        let reopen = |member: &Member<Ticks>| {
            member.reset();
            member.trip();
        };
        let (followed, ()) = race(&member, close_as_of(30), reopen);
        ticks.advance(3);
        let open = member.phase() == Phase::Open;
        assert!(open || followed);
        assert_eq!(left(&member), open.then_some(497));
        assert_eq!(ramp_left(&member), (!open).then_some(67));
    });
}

#[test]
fn a_closing_as_of_earlier_beside_an_opening_of_its_own_length() {
    model_with(2, || {
        let member = half_open(RAMPING, 0);
        let (closed, opened) = race(&member, close_as_of(30), open_for(2_001));
        assert!(closed && opened);
        match member.phase() {
            Phase::Open => assert_eq!(left(&member), Some(2_001)),
            _ => assert_eq!(ramp_left(&member), Some(70)),
        }
    });
}

/// A caller that settles the phase takes nothing off the lead; until it is published, the
/// ramp is further back, never ahead.
#[test]
fn a_closing_as_of_earlier_beside_callers() {
    model_with(2, || {
        let member = half_open(RAMPING, 0);
        let look = |member: &Member| {
            let admitted = [hold(member), hold(member)].map(|held| held.is_some());
            (admitted, ramp_left(member))
        };
        let (followed, (admitted, seen)) = race(&member, close_as_of(30), look);
        assert!(followed && admitted != [true; 2]);
        assert!(matches!(seen, None | Some(70 | STEP)), "{seen:?}");
        assert_eq!(ramp_left(&member), Some(70));
    });
}

/// Whoever finds the word of the opening finds the opening, too.
#[test]
fn a_look_at_a_ramp_that_is_ahead_beside_an_opening() {
    model_with(2, || {
        let member = half_open(RAMPING, 0);
        assert!(close_as_of(30)(&member));
        let (opened, seen) = race(&member, open_for(2_001), ramp_left);
        assert!(opened && matches!(seen, None | Some(70)), "{seen:?}");
    });
}

#[test]
fn two_closings_as_of_earlier_at_once_are_one() {
    let model = |begin: fn() -> Arc<Member>| {
        move || {
            let member = begin();
            let (one, other) = race(&member, close_as_of(30), close_as_of(40));
            assert!(one != other);
            assert_eq!(ramp_left(&member), Some(if one { 70 } else { 60 }));
        }
    };
    models_with(2, [|| half_open(RAMPING, 0), || member(RAMPING, 0)].map(model));
}

#[test]
fn an_operator_forces_open_beside_the_fleet() {
    let followings: [fn(&Member) -> bool; 2] = [|m| open_for(200)(m), close];
    let model = |follow: fn(&Member) -> bool| {
        move || {
            let member = half_open(CONFIG, 0);
            race(&member, follow, Breaker::force_open);
            assert_eq!(journal(&member).path().last(), Some(&Phase::ForcedOpen));
            assert_eq!(member.phase(), Phase::ForcedOpen);
        }
    };
    models_with(2, followings.map(model));
}

/// An opening after the reset knows nothing of the failed recovery before it.
#[test]
fn an_operator_resets_beside_the_fleet() {
    model_with(2, || {
        let member = half_open(CONFIG, 0);
        let (followed, ()) = race(&member, open_for(200), Breaker::reset);
        assert!(followed);
        let now = member.snapshot();
        assert_eq!(journal(&member).path().last(), Some(&now.phase));
        assert_eq!(now.backoff_level, 0);
        assert_eq!(now.retry_after, (now.phase == Phase::Open).then_some(200));
    });
}

/// A configuration that can be replaced.
struct Replaceable(Config);

impl ConfigSource for Replaceable {
    const HANDS_OVER: bool = true;

    fn config(&self) -> &Config {
        &self.0
    }
}

fn replaceable(config: Config) -> Member<Still, Replaceable> {
    let observer = (Journal::default(), Stock::of(1));
    Member::try_new(Replaceable(config), (), Still, observer).unwrap()
}

/// What the fleet decides comes before the hand-over, and is kept, or is refused.
#[test]
fn an_opening_beside_a_retirement() {
    model_with(2, || {
        let (old, mut new) = (Arc::new(replaceable(CONFIG)), replaceable(CONFIG));
        let retire = |old: &Member<_, _>| old.hand_over().filter(|handover| old.retire(handover));
        let (followed, handover) = race(&old, open_for(200), retire);
        let Some(handover) = handover else {
            assert!(followed && !old.is_retired());
            return;
        };
        assert!(old.is_retired() && !old.follow(Decision::OpenFor(9)));
        new.take_over(&handover);
        assert_eq!(left(&new), followed.then_some(200));
    });
}

/// Until the lead is published, a successor takes the ramp over further back, never ahead.
#[test]
fn a_closing_as_of_earlier_beside_a_retirement() {
    model_with(2, || {
        let (old, mut new) = (Arc::new(replaceable(RAMPING)), replaceable(RAMPING));
        old.trip();
        let retire = |old: &Member<_, _>| old.hand_over().filter(|handover| old.retire(handover));
        let (followed, handover) = race(&old, close_as_of(30), retire);
        let Some(handover) = handover else {
            assert!(followed);
            return;
        };
        new.take_over(&handover);
        match new.phase() {
            Phase::Open => assert!(!followed),
            _ => assert!(matches!(ramp_left(&new), Some(70 | STEP))),
        }
    });
}

/// It ends on the breaker that gave it, or on its successor.
#[test]
fn a_probe_that_ends_beside_a_retirement() {
    model_with(2, || {
        let (old, mut new) = (Arc::new(replaceable(CONFIG)), replaceable(CONFIG));
        old.trip();
        old.half_open().unwrap();
        let probe = hold(&old).unwrap();
        let retire = |old: &Member<_, _>| {
            let handover = old.hand_over().expect("for the first time");
            old.retire(&handover).then_some(handover)
        };
        let end = move |member: &Member<_, _>| member.end(probe, 0, None, Outcome::Success);
        let (ended, handover) = race(&old, end, retire);
        if let Err(late) = ended {
            new.take_over(&handover.expect("it was retired"));
            new.end_late(probe, 0, None, Outcome::Success, late).unwrap();
        }
        let ended = |member| stock(member).ended.lock().unwrap().clone();
        assert_eq!([ended(&old), ended(&new)].concat(), [(Outcome::Success, false)]);
    });
}
