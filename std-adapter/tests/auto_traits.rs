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

#[cfg(feature = "failover")]
#[test]
fn a_call_to_any_instance_can_be_sent_if_its_call_can() {
    use microbreaker_std::{Failover, Instance};

    let breaker = Breaker::builder("users/a").consecutive_failures(1);
    let breaker = breaker.open_for(std::time::Duration::from_secs(1)).build().unwrap();
    let users = Failover::new("users", [(breaker, "10.0.0.1".to_owned())]).unwrap();
    anywhere::<Failover<String>>();
    anywhere::<Instance<String>>();
    sent(&users.call_async(|instance| async move { Ok::<_, ()>(instance.callee().clone()) }));
}

#[cfg(feature = "last-good")]
#[test]
fn a_call_with_a_fallback_can_be_sent_if_its_call_can() {
    use microbreaker_std::LastGood;

    let breaker = Breaker::builder("users").consecutive_failures(1);
    let breaker = breaker.open_for(std::time::Duration::from_secs(1)).build().unwrap();
    let last = LastGood::of(&breaker, 1);
    anywhere::<LastGood<u32, String>>();
    sent(&breaker.call_or_last_async(&last, 1, async { Ok::<_, ()>("Ada".to_owned()) }));
}

#[cfg(feature = "watch")]
#[test]
fn what_keeps_settings_up_to_date_can_be_sent_and_shared() {
    anywhere::<microbreaker_std::SettingsWatch>();
    anywhere::<microbreaker_std::SettingsWatchError>();
}
