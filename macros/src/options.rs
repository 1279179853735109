//! What stands in the parentheses of the attribute.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Path, Result, Token, parse_quote};

/// The options of the attribute.
pub(crate) struct Options {
    /// The breaker, or what derefs to one.
    pub(crate) by: Expr,
    /// The classifier.
    pub(crate) classify: Option<Expr>,
    /// The function that has the last word on errors.
    pub(crate) fallback: Option<Expr>,
    /// The path of `microbreaker-std`.
    pub(crate) krate: Path,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut by, mut classify, mut fallback, mut krate) = Default::default();
        while !input.is_empty() {
            // `crate` is a keyword.
            let name = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            match name.to_string().as_str() {
                "by" => once(&mut by, &name, input)?,
                "classify" => once(&mut classify, &name, input)?,
                "fallback" => once(&mut fallback, &name, input)?,
                "crate" => once(&mut krate, &name, input)?,
                other => {
                    let allowed = "only `by`, `classify`, `fallback` and `crate`";
                    return Err(Error::new(
                        name.span(),
                        format!("there is no option `{other}`, {allowed}"),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let missing = "which breaker? `#[guarded(by = USERS)]`, where `USERS` is one, \
                       or derefs to one";
        Ok(Self {
            by: by.ok_or_else(|| Error::new(Span::call_site(), missing))?,
            classify,
            fallback,
            krate: krate.unwrap_or_else(|| parse_quote!(::microbreaker_std)),
        })
    }
}

/// Parses the value of the option `name`, which must not be there yet.
fn once<T: Parse>(option: &mut Option<T>, name: &Ident, input: ParseStream<'_>) -> Result<()> {
    match option.replace(input.parse()?) {
        Some(_) => Err(Error::new(name.span(), format!("`{name}` is there twice"))),
        None => Ok(()),
    }
}
