//! What is refused, in which words, and at which tokens. Each case has a twin that is not.

use crate::expanded;

const BY: &str = "by = USERS";

/// Asserts that `good` can be guarded and that `bad` is refused, and returns the message and
/// the tokens that it points at.
#[track_caller]
fn refused(good: (&str, &str), bad: (&str, &str)) -> (String, String) {
    let parse = |(options, function): (&str, &str)| {
        expanded(options.parse().unwrap(), function.parse().unwrap())
    };
    assert!(parse(good).is_ok(), "{:?}", parse(good));
    let error = parse(bad).expect_err("it is not refused");
    (error.to_string(), error.span().source_text().unwrap_or_default())
}

#[track_caller]
fn refused_function(good: &str, bad: &str, at: &str, message: &str) {
    assert_eq!(refused((BY, good), (BY, bad)), (message.to_owned(), at.to_owned()));
}

#[track_caller]
fn refused_options(good: &str, bad: &str, at: &str, message: &str) {
    let function = "fn find(id: u32) -> Result<User, Error> { ask(id) }";
    let refused = refused((good, function), (bad, function));
    assert_eq!(refused, (message.to_owned(), at.to_owned()));
}

#[test]
fn functions_that_run_at_compile_time() {
    let message = "a `const fn` cannot be guarded: a breaker works at run time";
    refused_function("fn f() -> R<T> {}", "const fn f() -> R<T> {}", "const", message);
}

#[test]
fn unsafe_functions() {
    let message = "an `unsafe fn` cannot be guarded: guard a safe function that calls it";
    refused_function("fn f() -> R<T> {}", "pub unsafe fn f() -> R<T> {}", "unsafe", message);
}

#[test]
fn functions_that_return_nothing_or_no_result() {
    let message =
        "a guarded function returns a `Result`, whose error says when the call was refused";
    refused_function("fn f() -> Result<(), E> {}", "fn f() {}", "f", message);
    refused_function(
        "fn f() -> Result<(u8, u8), E> {}",
        "fn f() -> (u8, u8) {}",
        "(u8, u8)",
        message,
    );
    let future = "impl Future<Output = Result<(), E>>";
    let bad = format!("fn f() -> {future} {{}}");
    refused_function("async fn f() -> Result<(), E> {}", &bad, future, message);
}

#[test]
fn boxed_futures() {
    let message = "guard an `async fn`, not a function that returns a boxed future, \
                   as those in an `#[async_trait]` do";
    let boxed = "::core::pin::Pin<Box<dyn Future<Output = Result<(), E>> + 'a>>";
    let bad = format!("fn f<'a>() -> {boxed} {{}}");
    refused_function("async fn f<'a>() -> Result<(), E> {}", &bad, boxed, message);
}

#[test]
fn functions_without_a_body_and_other_items() {
    let message = "a function without a body cannot be guarded: guard what implements it";
    refused_function("fn f(&self) -> R<T> {}", "fn f(&self) -> R<T>;", ";", message);
    let message = "only functions can be guarded: expected `fn`";
    refused_function("pub fn f() -> R<T> {}", "pub struct S;", "struct", message);
}

#[test]
fn a_missing_breaker() {
    let message = "which breaker? `#[guarded(by = USERS)]`, where `USERS` is one, \
                   or derefs to one";
    refused_options("by = USERS", "", "", message);
    refused_options("by = USERS, classify = meaning", "classify = meaning", "", message);
}

#[test]
fn options_that_there_are_not_or_that_are_there_twice() {
    let message = "there is no option `fallbak`, only `by`, `classify`, `fallback` and `crate`";
    refused_options("by = U, fallback = f,", "by = U, fallbak = f", "fallbak", message);
    refused_options("by = U", "by = U, by = V", "by", "`by` is there twice");
    refused_options("crate = a::b, by = U", "by = U crate = a", "crate", "expected `,`");
    refused_options("by = U", "U", "", "expected `=`");
}

#[test]
fn arguments_that_a_fallback_cannot_get_too() {
    let with = "by = U, fallback = f";
    let check = |good, bad, at: &str, message: &str| {
        assert_eq!(refused(good, (with, bad)), (message.to_owned(), at.to_owned()));
    };
    let message = "a fallback gets the same arguments, and `&mut` cannot be given twice";
    let bad = "fn f(to: &mut Vec<u8>) -> R<T> {}";
    check((with, "fn f(to: &Vec<u8>) -> R<T> {}"), bad, "to: &mut Vec<u8>", message);
    check((BY, bad), bad, "to: &mut Vec<u8>", message);
    for bad in ["fn f(&mut self) -> R<T> {}", "fn f(self: &mut Self) -> R<T> {}"] {
        let at = bad.split(['(', ')']).nth(1).unwrap();
        check((with, "fn f(&self) -> R<T> {}"), bad, at, message);
    }
    let message = "a fallback gets the same arguments, so each needs a name";
    let bad = "fn f((a, b): (u8, u8)) -> R<T> {}";
    check((with, "fn f(mut ab: (u8, u8)) -> R<T> {}"), bad, "(a, b): (u8, u8)", message);
    check((BY, bad), bad, "(a, b): (u8, u8)", message);
}
