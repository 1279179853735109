//! Which types are `Send` and `Sync`, and which are not.
#![cfg(all(feature = "embedded-hal", feature = "history"))]

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use microbreaker::hal::{GuardedI2c, GuardedSpiDevice};
use microbreaker::{
    Breaker, CallError, Clock, Command, Config, ConfigError, CountWindow, Counters, History,
    IllegalTransition, Observer, Outcome, Permit, Phase, Rejected, Tally, Token, Transition,
    clock::ManualClock, config::ConfigSource,
};

/// Whether a type implements a trait: if it does, `Asked` has an inherent constant,
/// which takes precedence over the trait's.
macro_rules! is {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code)]
        struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        trait Otherwise {
            const ANSWER: bool = false;
        }
        impl<T: ?Sized> Otherwise for Asked<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + $($bound)+> Asked<T> {
            const ANSWER: bool = true;
        }
        <Asked<$type>>::ANSWER
    }};
}

/// Asserts whether each type is `Send`, and whether it is `Sync`.
macro_rules! assert_auto {
    ($($type:ty: $send:ident Send, $sync:ident Sync;)+) => {
        $(
            assert_eq!(is!($type: Send), assert_auto!(@ $send), "Send: {}", stringify!($type));
            assert_eq!(is!($type: Sync), assert_auto!(@ $sync), "Sync: {}", stringify!($type));
        )+
    };
    (@ is) => { true };
    (@ not) => { false };
}

/// `Send` but not `Sync`.
struct Unshared(Cell<u32>);

impl Clock for Unshared {
    fn now(&self) -> u32 {
        self.0.get()
    }
}

impl Observer for Unshared {}

/// Neither `Send` nor `Sync`.
struct Pinned(Rc<Config>);

impl Clock for Pinned {
    fn now(&self) -> u32 {
        0
    }
}

impl Observer for Pinned {}

impl ConfigSource for Pinned {
    fn config(&self) -> &Config {
        &self.0
    }
}

type Plain = Breaker<CountWindow<3>, &'static ManualClock>;
type InFlash = Breaker<(), fn() -> u32, Counters, &'static Config>;

#[test]
fn a_breaker_is_send_and_sync_if_its_parts_are() {
    assert_auto! {
        Plain: is Send, is Sync;
        InFlash: is Send, is Sync;
        Breaker<(), Unshared>: is Send, not Sync;
        Breaker<(), ManualClock, Unshared>: is Send, not Sync;
        Breaker<(), Pinned>: not Send, not Sync;
        Breaker<(), ManualClock, Pinned>: not Send, not Sync;
        Breaker<(), ManualClock, (), Pinned>: not Send, not Sync;
    }
}

#[test]
fn a_permit_is_send_if_its_breaker_is_sync() {
    assert_auto! {
        Permit<'static, Breaker<CountWindow<3>, &'static ManualClock>>: is Send, is Sync;
        Permit<'static, Breaker<(), fn() -> u32, Counters, &'static Config>>: is Send, is Sync;
        Permit<'static, Breaker<(), Unshared>>: not Send, not Sync;
        Permit<'static, Breaker<(), ManualClock, Unshared>>: not Send, not Sync;
        Permit<'static, Breaker<(), Pinned>>: not Send, not Sync;
    }
}

#[test]
fn plain_data_is_send_and_sync() {
    assert_auto! {
        Token: is Send, is Sync;
        Config: is Send, is Sync;
        ConfigError: is Send, is Sync;
        Rejected: is Send, is Sync;
        IllegalTransition: is Send, is Sync;
        CallError<u8>: is Send, is Sync;
        CallError<Cell<u8>>: is Send, not Sync;
        CallError<Rc<u8>>: not Send, not Sync;
        Phase: is Send, is Sync;
        Command: is Send, is Sync;
        Outcome: is Send, is Sync;
        Tally: is Send, is Sync;
        Transition: is Send, is Sync;
    }
}

#[test]
fn everything_shared_is_sync() {
    assert_auto! {
        CountWindow<3>: is Send, is Sync;
        ManualClock: is Send, is Sync;
        Counters: is Send, is Sync;
        History<4>: is Send, is Sync;
        GuardedI2c<u8, &'static Plain>: is Send, is Sync;
        GuardedI2c<Cell<u8>, &'static Plain>: is Send, not Sync;
        GuardedI2c<u8, &'static Breaker<(), Unshared>>: not Send, not Sync;
        GuardedSpiDevice<u8, &'static Plain>: is Send, is Sync;
        GuardedSpiDevice<Rc<u8>, &'static Plain>: not Send, not Sync;
    }
}

#[test]
fn a_panic_can_be_caught_around_a_breaker() {
    assert!(is!(Plain: UnwindSafe));
    assert!(is!(Plain: RefUnwindSafe));
    assert!(is!(Permit<'static, Breaker<CountWindow<3>, &'static ManualClock>>: UnwindSafe));
    assert!(!is!(Breaker<(), Unshared>: RefUnwindSafe));
}

#[test]
fn a_permit_has_one_effect_and_a_token_is_an_integer() {
    assert!(!is!(Permit<'static, Breaker<(), ManualClock>>: Clone));
    assert!(!is!(Plain: Clone));
    assert!(is!(Token: Copy));
    assert_eq!(size_of::<Token>(), 4);
    assert_eq!(size_of::<Permit<'static, Breaker<(), ManualClock>>>(), 3 * size_of::<usize>());
    assert!(size_of::<Result<Permit<'static, Breaker<(), ManualClock>>, Rejected>>() <= 24);
}
