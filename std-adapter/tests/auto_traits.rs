//! A handle can be sent and shared between threads, and so can all that it returns.

use std::panic::{RefUnwindSafe, UnwindSafe};

use microbreaker_std::{Breaker, BuildError, CallError, Permit, Rejected};

fn anywhere<T: Send + Sync + 'static>() {}
fn caught<T: UnwindSafe + RefUnwindSafe>() {}
fn sent<T: Send>(_: &T) {}

#[test]
fn everything_can_be_sent_and_shared() {
    anywhere::<Breaker>();
    anywhere::<Permit>();
    anywhere::<Permit<&'static Breaker>>();
    anywhere::<Rejected>();
    anywhere::<CallError<std::io::Error>>();
    anywhere::<BuildError>();
    caught::<Breaker>();
}

#[test]
fn a_guarded_future_can_be_sent_if_its_call_can() {
    let breaker = Breaker::builder("users")
        .consecutive_failures(1)
        .open_for(std::time::Duration::from_secs(1))
        .build()
        .unwrap();
    sent(&breaker.call_async(async { Ok::<_, ()>(()) }));
    sent(&breaker.ready(|_| std::future::ready(())));
}
