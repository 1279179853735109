//! One function for each operation, none of them inlined, so that each can be found.

use core::hint::black_box;

use microbreaker::{
    Breaker, Config, Gate, Outcome, Permit, Token, clock::ManualClock, window::Window,
};

use crate::THROTTLE;

pub(crate) type Subject<W> = Breaker<W, &'static ManualClock, (), &'static Config>;

/// Names a breaker in a `static`.
pub(crate) trait Site: Sized {
    type Window: Window + 'static;

    fn breaker() -> &'static Subject<Self::Window>;
}

/// A permit of the first tenure: valid until another tenure begins.
fn permit<S: Site>() -> Permit<'static, Subject<S::Window>> {
    // The bits of a token of the first tenure; the compiler does not know them.
    let Some(token) = Token::from_bits(black_box(0x6d62_0000)) else {
        loop {
            core::hint::spin_loop();
        }
    };
    S::breaker().resume(token)
}

macro_rules! operations {
    ($list:ident: $count:literal, $($name:ident => $body:expr;)+) => {
        $(
            #[inline(never)]
            fn $name<S: Site>() {
                let _ = black_box($body);
            }
        )+

        /// The operations of a breaker.
        pub(crate) const fn $list<S: Site>() -> [fn(); $count] {
            [$($name::<S>),+]
        }
    };
}

operations! {
    breaker: 17,
    try_acquire => S::breaker().try_acquire().map(Permit::into_token);
    success => permit::<S>().success();
    slow_success => permit::<S>().took(black_box(11)).success();
    failure => permit::<S>().failure();
    failure_open_for => permit::<S>().finish(Outcome::FailureOpenFor(black_box(7)));
    ignore => permit::<S>().ignore();
    abandon => drop(permit::<S>());
    trip => S::breaker().trip();
    trip_for => S::breaker().trip_for(black_box(7));
    half_open => S::breaker().half_open();
    reset => S::breaker().reset();
    force_open => S::breaker().force_open();
    disable => S::breaker().disable();
    metrics_only => S::breaker().metrics_only();
    phase => S::breaker().phase();
    snapshot => S::breaker().snapshot();
    tally => S::breaker().tally();
}

#[inline(never)]
fn throttled_success() {
    let _ = black_box(THROTTLE.call(|| black_box(Ok::<(), ()>(()))));
}

#[inline(never)]
fn throttled_failure() {
    let _ = black_box(THROTTLE.call(|| black_box(Err::<(), ()>(()))));
}

#[inline(never)]
fn throttle_tally() {
    let _ = black_box(THROTTLE.tally());
}

/// The operations of a throttle.
pub(crate) const fn throttle() -> [fn(); 3] {
    [throttled_success, throttled_failure, throttle_tally]
}
