#![deny(missing_docs)]
//! The attribute of [`microbreaker-std`](https://docs.rs/microbreaker-std) that guards a
//! function with a circuit breaker. It comes with the feature `macros` of that crate, which
//! exports it: do not depend on this one.

mod expand;
mod function;
mod options;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Guards a function with a circuit breaker: each call of it is a call through the breaker.
///
/// ```
/// use microbreaker_std::{Breaker, Rejected, guarded};
/// use std::sync::LazyLock;
/// use std::time::Duration;
///
/// static USERS: LazyLock<Breaker> = LazyLock::new(|| {
///     let users = Breaker::builder("users").consecutive_failures(3);
///     users.open_for(Duration::from_secs(30)).build().expect("these settings work")
/// });
///
/// /// Looks up the age of a user.
/// #[guarded(by = USERS)]
/// fn age(user: &str) -> Result<u8, Box<dyn std::error::Error>> {
///     let text = ask(user)?;
///     Ok(text.parse()?)
/// }
/// # fn ask(user: &str) -> std::io::Result<String> { Ok(user.len().to_string()) }
///
/// assert_eq!(age("Ada").unwrap(), 3);
/// USERS.trip();
/// assert!(age("Ada").unwrap_err().is::<Rejected>());
/// ```
///
/// The function may be `async`, generic, or a method; its arguments, attributes and
/// documentation stay as they are, and so do `?` and `return` in its body. The body is what
/// [`Breaker::call`] and [`Breaker::call_async`] get: it counts once, by what the function
/// returns, and a panic is a failure. An `async` function asks the breaker when it is first
/// polled, and one that is dropped half-way is abandoned.
///
/// # What it returns
///
/// A `Result`. There are two ways to say in it that the breaker has refused:
///
/// - By the function's own error, if that can be made from a
///   [`Rejected`](https://docs.rs/microbreaker-std/latest/microbreaker_std/struct.Rejected.html),
///   as `Box<dyn Error>`, `anyhow::Error` and any type with
///   `impl From<Rejected>` can (`#[from]` of `thiserror`). So the attribute changes no
///   signature: it can be put on a function, and taken off, without a change at its callers.
/// - By `Result<T, CallError<E>>`, for an error `E` of another crate, to which nothing can be
///   added. The body then returns `Result<T, E>`, as if it were not guarded. The attribute
///   knows it by the name `CallError` in the signature: behind a type alias it counts as an
///   error of the first kind.
///
/// ```
/// # use microbreaker_std::{Breaker, CallError, guarded};
/// # use std::{num::ParseIntError, time::Duration};
/// struct Users { breaker: Breaker }
///
/// impl Users {
///     #[guarded(by = self.breaker)]
///     async fn age(&self, text: &str) -> Result<u8, CallError<ParseIntError>> {
///         text.parse()
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let breaker = Breaker::builder("users").consecutive_failures(1);
/// # let users = Users { breaker: breaker.open_for(Duration::from_secs(30)).build()? };
/// assert_eq!(users.age("36").await, Ok(36));
/// assert!(matches!(users.age("?").await, Err(CallError::Failed(_))));
/// assert!(matches!(users.age("36").await, Err(CallError::Rejected(_))));
/// # Ok(())
/// # }
/// ```
///
/// # Options
///
/// **`by`** is an expression for the breaker, or for what derefs to one: a `static`,
/// `self.breaker`, a call such as `breaker_of(host)`. It is evaluated at each call, and may
/// use the arguments. If it uses one that the body owns or may change, as with `&mut self`, the
/// handle is cloned, which costs two atomic additions a call.
///
/// **`classify`** is the classifier, which says what the body's result means for the breaker:
/// a function, or whatever implements
/// [`Classify`](https://docs.rs/microbreaker-std/latest/microbreaker_std/trait.Classify.html).
/// By default each error is a failure.
///
/// **`fallback`** is a function that gets the same arguments and then the error, if there is
/// one, whether the call failed or was refused, and returns what the guarded function
/// returns. It is `async` if that is. It has the last word, so it gives back an error that
/// is an answer, "not found" for example. By then the permit is back. The arguments are cloned
/// before the call, which is nothing for references, so `&mut` is no argument for it.
///
/// ```
/// # use microbreaker_std::{Breaker, Outcome, Phase, guarded};
/// # use std::io::{self, ErrorKind};
/// # use std::{sync::LazyLock, time::Duration};
/// # static FILES: LazyLock<Breaker> = LazyLock::new(|| {
/// #     let files = Breaker::builder("files").consecutive_failures(1);
/// #     files.open_for(Duration::from_secs(30)).build().unwrap()
/// # });
/// #[guarded(by = FILES, classify = meaning, fallback = built_in)]
/// fn template(name: &str) -> Result<String, Box<dyn std::error::Error>> {
///     Ok(std::fs::read_to_string(format!("/no/such/folder/{name}"))?)
/// }
///
/// /// A missing file is an answer.
/// fn meaning<T>(result: &Result<T, Box<dyn std::error::Error>>) -> Outcome {
///     let Err(error) = result else { return Outcome::Success };
///     match error.downcast_ref::<io::Error>() {
///         Some(error) if error.kind() == ErrorKind::NotFound => Outcome::Success,
///         _ => Outcome::Failure,
///     }
/// }
///
/// fn built_in(
///     name: &str,
///     error: Box<dyn std::error::Error>,
/// ) -> Result<String, Box<dyn std::error::Error>> {
///     if name == "hello" { Ok("Hello, {}".to_owned()) } else { Err(error) }
/// }
///
/// assert_eq!(template("hello").unwrap(), "Hello, {}");
/// assert_eq!(FILES.phase(), Phase::Closed);
/// assert!(template("bye").is_err());
/// ```
///
/// **`crate`** is the path of `microbreaker-std`, if it has another name.
///
/// # What cannot be guarded
///
/// A `const fn`, because a breaker works at run time; an `unsafe fn`, because it is unclear
/// who keeps its promises when the call is refused: guard a safe function that calls it; a
/// function that returns a boxed future, as `#[async_trait]` makes one of an `async fn`.
///
/// [`Breaker::call`]: https://docs.rs/microbreaker-std/latest/microbreaker_std/struct.Breaker.html#method.call
/// [`Breaker::call_async`]: https://docs.rs/microbreaker-std/latest/microbreaker_std/struct.Breaker.html#method.call_async
#[proc_macro_attribute]
pub fn guarded(options: TokenStream, function: TokenStream) -> TokenStream {
    expanded(options.into(), function.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

fn expanded(
    options: proc_macro2::TokenStream,
    function: proc_macro2::TokenStream,
) -> syn::Result<proc_macro2::TokenStream> {
    expand::expand(&syn::parse2(options)?, &syn::parse2(function)?)
}
