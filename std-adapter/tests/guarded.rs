//! Functions under the attribute `guarded`.
#![cfg(feature = "macros")]
// The expansion trips no lint that users have switched on.
#![deny(clippy::all, clippy::pedantic, unused_braces)]

use std::cell::Cell;
use std::fmt::{self, Display};
use std::future::Future;
use std::num::ParseIntError;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_std::{Breaker, CallError, Outcome, Phase, Rejected, failing_if, guarded};

const SECOND: Duration = Duration::from_secs(1);

/// Trips at the first failure.
fn breaker() -> Breaker {
    Breaker::builder("users").consecutive_failures(1).open_for(30 * SECOND).build().unwrap()
}

/// A function's own error.
#[derive(Debug, PartialEq)]
enum Error {
    NotFound,
    Broken,
    Rejected,
}

impl From<Rejected> for Error {
    fn from(_: Rejected) -> Self {
        Self::Rejected
    }
}

impl From<ParseIntError> for Error {
    fn from(_: ParseIntError) -> Self {
        Self::Broken
    }
}

/// Polls a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_call_is_made_counted_and_refused() {
    static USERS: LazyLock<Breaker> = LazyLock::new(breaker);

    #[guarded(by = USERS)]
    fn age(text: &str) -> Result<u8, Error> {
        if text.is_empty() {
            return Err(Error::NotFound);
        }
        Ok(text.parse()?)
    }

    assert_eq!(age("36"), Ok(36));
    assert_eq!(USERS.snapshot().phase, Phase::Closed);
    assert_eq!(age("?"), Err(Error::Broken));
    assert_eq!(USERS.phase(), Phase::Open);
    assert_eq!(age("36"), Err(Error::Rejected));
    USERS.reset();
    assert_eq!(age(""), Err(Error::NotFound));
    assert_eq!(USERS.phase(), Phase::Open);
}

#[test]
fn an_async_call_is_made_counted_and_refused() {
    static USERS: LazyLock<Breaker> = LazyLock::new(breaker);

    #[guarded(by = USERS)]
    async fn age(text: &str) -> Result<u8, Error> {
        if text.is_empty() {
            return Err(Error::NotFound);
        }
        std::future::ready(()).await;
        Ok(text.parse()?)
    }

    assert_eq!(now(age("36")), Ok(36));
    let failing = age("?");
    assert_eq!(USERS.phase(), Phase::Closed, "it was not polled");
    assert_eq!(now(failing), Err(Error::Broken));
    assert_eq!(now(age("36")), Err(Error::Rejected));
    USERS.reset();
    assert_eq!(now(age("")), Err(Error::NotFound));
    assert_eq!(USERS.phase(), Phase::Open);
}

#[test]
fn a_call_that_is_dropped_half_way_is_abandoned_and_a_panic_is_a_failure() {
    #[guarded(by = breaker)]
    async fn hangs(breaker: &Breaker) -> Result<(), Error> {
        std::future::pending().await
    }

    #[guarded(by = breaker)]
    fn panics(breaker: &Breaker) -> Result<(), Error> {
        panic!("for a reason")
    }

    let users = breaker();
    {
        let mut call = pin!(hangs(&users));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(users.phase(), Phase::Closed);
    assert!(std::panic::catch_unwind(|| panics(&users)).is_err());
    assert_eq!(users.phase(), Phase::Open);
}

#[test]
fn the_error_of_another_crate_is_wrapped() {
    #[guarded(by = breaker)]
    fn age(breaker: &Breaker, text: &str) -> Result<u8, CallError<ParseIntError>> {
        let age = text.parse()?;
        Ok(age)
    }

    #[guarded(by = breaker)]
    async fn age_async(
        breaker: &Breaker,
        text: &str,
    ) -> Result<u8, microbreaker_std::CallError<ParseIntError>> {
        text.parse()
    }

    let users = breaker();
    assert_eq!(age(&users, "36"), Ok(36));
    assert!(matches!(age(&users, "?"), Err(CallError::Failed(_))));
    assert!(matches!(age(&users, "36"), Err(CallError::Rejected(_))));
    assert!(matches!(now(age_async(&users, "36")), Err(CallError::Rejected(_))));
    users.reset();
    assert!(matches!(now(age_async(&users, "?")), Err(CallError::Failed(_))));
}

/// An alias hides the name, so the body returns a `CallError` itself.
#[test]
fn a_wrapped_error_behind_an_alias_is_an_own_error() {
    type Answer<T> = Result<T, CallError<ParseIntError>>;

    #[guarded(by = breaker)]
    fn age(breaker: &Breaker, text: &str) -> Answer<u8> {
        text.parse().map_err(CallError::Failed)
    }

    let users = breaker();
    assert!(matches!(age(&users, "?"), Err(CallError::Failed(_))));
    assert!(matches!(age(&users, "36"), Err(CallError::Rejected(_))));
}

/// A client, whose methods are guarded in all the ways in which methods take `self`.
#[derive(Clone)]
struct Client {
    breaker: Breaker,
    log: Vec<String>,
    ages: Vec<u8>,
}

impl Client {
    fn new() -> Self {
        Self { breaker: breaker(), log: Vec::new(), ages: vec![36] }
    }

    fn note(&mut self, name: &str) {
        self.log.push(name.to_owned());
    }

    #[guarded(by = self.breaker)]
    fn by_reference(&self, index: usize) -> Result<&u8, Error> {
        self.ages.get(index).ok_or(Error::NotFound)
    }

    #[guarded(by = self.breaker)]
    fn by_mut_reference(&mut self, index: usize) -> Result<&mut u8, Error> {
        self.note("sync");
        self.ages.get_mut(index).ok_or(Error::NotFound)
    }

    #[guarded(by = self.breaker)]
    async fn by_mut_reference_async(&mut self, index: usize) -> Result<&mut u8, Error> {
        self.note("async");
        std::future::ready(()).await;
        self.ages.get_mut(index).ok_or(Error::NotFound)
    }

    #[guarded(by = self.breaker)]
    fn by_value(mut self) -> Result<Vec<u8>, Error> {
        self.ages.push(7);
        Ok(self.ages)
    }

    #[guarded(by = self.breaker)]
    async fn by_arc(self: Arc<Self>) -> Result<u8, Error> {
        std::future::ready(()).await;
        self.ages.first().copied().ok_or(Error::NotFound)
    }

    #[guarded(by = self.breaker, fallback = Self::guess)]
    fn with_fallback(&self, name: &str, text: String) -> Result<u8, Error> {
        let _ = name;
        let age = text.parse()?;
        drop(text);
        Ok(age)
    }

    fn guess(&self, name: &str, text: String, error: Error) -> Result<u8, Error> {
        let is_empty = text.is_empty();
        drop(text);
        if name == "Ada" && !is_empty { Ok(self.ages[0]) } else { Err(error) }
    }
}

#[test]
fn methods_take_self_in_any_way() {
    let mut client = Client::new();
    assert_eq!(client.by_reference(0), Ok(&36));
    *client.by_mut_reference(0).unwrap() += 1;
    *now(client.by_mut_reference_async(0)).unwrap() += 1;
    assert_eq!(client.log, ["sync", "async"]);
    assert_eq!(client.clone().by_value(), Ok(vec![38, 7]));
    assert_eq!(now(Arc::new(client.clone()).by_arc()), Ok(38));
    assert_eq!(client.by_reference(9), Err(Error::NotFound));
    assert_eq!(client.by_mut_reference(0), Err(Error::Rejected));
    assert_eq!(client.by_value(), Err(Error::Rejected));
}

#[test]
fn a_fallback_gets_the_arguments_and_any_error_and_has_the_last_word() {
    let client = Client::new();
    assert_eq!(client.with_fallback("Ada", "7".to_owned()), Ok(7));
    assert_eq!(client.with_fallback("Ada", "?".to_owned()), Ok(36), "it failed");
    assert_eq!(client.breaker.phase(), Phase::Open);
    assert_eq!(client.with_fallback("Ada", "7".to_owned()), Ok(36), "it was refused");
    assert_eq!(client.with_fallback("Bob", "7".to_owned()), Err(Error::Rejected));
}

#[test]
fn the_fallback_of_an_async_function_is_async_and_holds_no_permit() {
    async fn replica(breaker: &Breaker, text: &str, error: Error) -> Result<u8, Error> {
        assert_eq!(error, Error::Broken);
        // The one probe is back.
        breaker.half_open().unwrap();
        primary_only(breaker, text).await
    }

    #[guarded(by = breaker)]
    async fn primary_only(breaker: &Breaker, text: &str) -> Result<u8, Error> {
        Ok(text.len().try_into().unwrap())
    }

    #[guarded(by = breaker, fallback = replica)]
    async fn primary(breaker: &Breaker, text: &str) -> Result<u8, Error> {
        Ok(text.parse()?)
    }

    assert_eq!(now(primary(&breaker(), "abc")), Ok(3));
}

#[test]
fn a_classifier_says_what_a_result_means() {
    fn meaning<T>(result: &Result<T, Error>) -> Outcome {
        match result {
            Err(Error::NotFound) | Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        }
    }

    #[guarded(by = breaker, classify = meaning)]
    fn by_path(breaker: &Breaker, error: Error) -> Result<(), Error> {
        Err(error)
    }

    #[guarded(by = breaker, classify = failing_if(|error| *error != Error::NotFound))]
    async fn by_expression(breaker: &Breaker, error: Error) -> Result<(), Error> {
        Err(error)
    }

    let users = breaker();
    assert_eq!(by_path(&users, Error::NotFound), Err(Error::NotFound));
    assert_eq!(now(by_expression(&users, Error::NotFound)), Err(Error::NotFound));
    assert_eq!(users.phase(), Phase::Closed);
    let _ = by_path(&users, Error::Broken);
    assert_eq!(users.phase(), Phase::Open);
    users.reset();
    let _ = now(by_expression(&users, Error::Broken));
    assert_eq!(users.phase(), Phase::Open);
}

/// An argument named like something in the expansion.
#[guarded(by = error)]
fn names_do_not_clash(value: u8, error: &Breaker, breaker: &str) -> Result<String, Error> {
    Ok(format!("{value}{breaker}"))
}

#[guarded(by = users)]
fn generic<'a, T, const N: usize>(
    users: &Breaker,
    all: &'a [T; N],
    wanted: impl Fn(&T) -> bool,
) -> Result<&'a T, Error>
where
    T: Display,
{
    all.iter().find(|one| wanted(one)).ok_or(Error::NotFound)
}

#[guarded(by = users)]
async fn generic_async<'a, T: Display + Sync, const N: usize>(
    users: &Breaker,
    all: &'a [T; N],
    wanted: fn(&T) -> bool,
) -> Result<impl Iterator<Item = &'a T>, Error> {
    if N == 0 {
        return Err(Error::NotFound);
    }
    let found = all.iter().position(wanted);
    Ok(all[found.ok_or(Error::NotFound)?..].iter())
}

#[guarded(by = users)]
fn opaque(users: &Breaker, text: &str) -> Result<impl Display + use<>, Error> {
    let number: u8 = text.parse()?;
    Ok(number)
}

#[guarded(by = users)]
fn patterns(
    users: &Breaker,
    (a, b): (u8, u8),
    [mut c, ..]: [u8; 3],
    _: u8,
    mut d: u8,
) -> Result<u8, Error> {
    c += 1;
    d += 1;
    Ok(a + b + c + d)
}

#[guarded(by = users)]
fn boxed(users: &Breaker) -> Result<(), Box<dyn std::error::Error>> {
    Err("no reason")?
}

#[test]
fn functions_of_all_shapes() {
    let users = breaker();
    assert_eq!(names_do_not_clash(1, &users, "x"), Ok("1x".to_owned()));
    assert_eq!(generic(&users, &[1, 2, 3], |n| *n > 1), Ok(&2));
    let found = now(generic_async(&users, &[1, 2, 3], |n| *n > 1)).map(Iterator::count);
    assert_eq!(found, Ok(2));
    assert_eq!(opaque(&users, "8").map(|number| number.to_string()), Ok("8".to_owned()));
    assert_eq!(patterns(&users, (1, 2), [3, 4, 5], 9, 6), Ok(14));
    assert!(boxed(&users).is_err());
    assert!(boxed(&users).unwrap_err().is::<Rejected>());
}

#[test]
fn a_breaker_is_whatever_derefs_to_one() {
    fn make() -> Breaker {
        breaker()
    }

    #[guarded(by = make())]
    fn by_call() -> Result<(), Error> {
        Ok(())
    }

    #[guarded(by = breakers[usize::from(index)])]
    async fn by_index(breakers: Vec<Arc<Breaker>>, index: u8) -> Result<u8, Error> {
        drop(breakers);
        Ok(index)
    }

    #[guarded(by = handle)]
    fn by_value(handle: Breaker) -> Result<Phase, Error> {
        Ok(handle.phase())
    }

    assert_eq!(by_call(), Ok(()));
    assert_eq!(now(by_index(vec![Arc::new(breaker())], 0)), Ok(0));
    assert_eq!(by_value(breaker()), Ok(Phase::Closed));
}

/// A trait whose methods are guarded where they are implemented.
trait Ages {
    fn age(&self, text: &str) -> Result<u8, Error>;

    fn age_async(&self, text: &str) -> impl Future<Output = Result<u8, Error>> + Send;

    fn breaker(&self) -> &Breaker;

    #[guarded(by = self.breaker())]
    fn first(&self) -> Result<u8, Error> {
        self.age("1")
    }
}

impl Ages for Breaker {
    #[guarded(by = self)]
    fn age(&self, text: &str) -> Result<u8, Error> {
        Ok(text.parse()?)
    }

    #[guarded(by = self)]
    async fn age_async(&self, text: &str) -> Result<u8, Error> {
        Ok(text.parse()?)
    }

    fn breaker(&self) -> &Breaker {
        self
    }
}

#[test]
fn methods_of_traits() {
    let users = breaker();
    assert_eq!((users.age("1"), now(users.age_async("2")), users.first()), (Ok(1), Ok(2), Ok(1)));
}

#[test]
fn a_future_is_send_if_what_it_owns_is() {
    #[guarded(by = breaker)]
    async fn counts(breaker: &Breaker, count: Cell<u8>) -> Result<u8, Error> {
        count.set(count.get() + 1);
        std::future::ready(()).await;
        Ok(count.get())
    }

    fn send<T: Send>(value: T) -> T {
        value
    }

    assert_eq!(now(send(counts(&breaker(), Cell::new(1)))), Ok(2));
}

mod renamed {
    pub(super) mod path {
        pub(crate) use microbreaker_std as inner;
    }
}

#[test]
fn attributes_stay_and_the_crate_may_have_another_name() {
    #[doc(hidden)]
    #[must_use = "it is useful"]
    #[inline(never)]
    #[guarded(crate = renamed::path::inner, by = breaker)]
    #[allow(clippy::needless_return, reason = "to see that it stays")]
    fn answer(breaker: &Breaker, #[allow(unused)] unused: u8) -> Result<u8, Error> {
        return Ok(42);
    }

    #[expect(unused_must_use, reason = "to see that `must_use` stays")]
    fn forgets(users: &Breaker) {
        answer(users, 1);
    }

    forgets(&breaker());
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// As axum hands over what handlers share.
struct State<T>(T);

#[derive(Clone)]
struct App {
    users: Breaker,
}

#[guarded(by = app.users)]
fn give_back(State(app): State<App>) -> Result<App, Error> {
    Ok(app)
}

#[rustfmt::skip]
#[guarded(by = app.users)]
async fn give_back_later(State(app): State<App>) -> Result<App, Error> { Ok(app) }

#[test]
fn the_breaker_may_be_in_what_a_pattern_binds_and_the_body_moves() {
    let app = App { users: breaker() };
    assert!(give_back(State(app.clone())).is_ok());
    assert!(now(give_back_later(State(app.clone()))).is_ok());
    app.users.trip();
    assert_eq!(give_back(State(app.clone())).map(drop), Err(Error::Rejected));
    assert_eq!(now(give_back_later(State(app))).map(drop), Err(Error::Rejected));
}
