//! What becomes of a guarded function.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, Ident, Result};

use crate::function::{Argument, Function, Returned};
use crate::options::Options;

/// `function`, with a body that makes a guarded call of the one that was written.
pub(crate) fn expand(options: &Options, function: &Function) -> Result<TokenStream> {
    let Function { attributes, visibility, signature, body } = function;
    let Options { by, classify, krate, .. } = options;
    let Returned { of_body, in_call_error } = function.returned()?;
    let breaker = Ident::new("breaker", Span::mixed_site());

    // A handle of its own if the body may move, or change, what the breaker is in.
    let owned = function.arguments().filter(|argument| !argument.is_shared);
    let names: Vec<_> = owned.flat_map(|it| it.bound).collect();
    let handle = if mentions(quote!(#by), &names) { quote!(.clone()) } else { quote!() };
    // Spanned, so that an error about its type points at it.
    let borrowed = quote_spanned! { by.span()=> &#by };
    let find = quote! {
        let #breaker: &#krate::Breaker = #borrowed;
        let #breaker = #breaker #handle;
    };

    let classify = match classify {
        Some(classify) => quote!(#classify),
        None => quote!(#krate::ErrorsFail),
    };
    let call = if signature.asyncness.is_some() {
        let statements = body.stream();
        quote! {
            #breaker.call_async_classified(
                async move {
                    // Says what `?` and `return` convert to.
                    if false {
                        return #krate::expanded::absent::<#of_body>();
                    }
                    #statements
                },
                #classify,
            ).await
        }
    } else {
        quote! { #breaker.call_classified(move || -> #of_body #body, #classify) }
    };
    let result = if in_call_error {
        call
    } else {
        // Located there, so that an error about the error's type points at the return type.
        let span = Span::mixed_site().located_at(of_body.span());
        let result = Ident::new("result", span);
        quote! {{
            let #result = #call;
            #krate::expanded::settle(#result)
        }}
    };
    let (copies, result) = with_fallback(options, function, result)?;
    Ok(quote! {
        #(#attributes)*
        #visibility #signature {
            #find
            #copies
            #result
        }
    })
}

/// What is done before the call for the sake of the fallback, and `result` with it.
fn with_fallback(
    options: &Options,
    function: &Function,
    result: TokenStream,
) -> Result<(TokenStream, TokenStream)> {
    let Some(fallback) = &options.fallback else { return Ok((quote!(), result)) };
    let arguments: Vec<_> = function.arguments().map(again).collect::<Result<_>>()?;
    let copies: Vec<_> = (0..arguments.len())
        .map(|number| format_ident!("argument_{number}", span = Span::mixed_site()))
        .collect();
    let waits = function.signature.asyncness.map(|_| quote!(.await));
    let keep = quote! {
        #(let #copies = ::core::clone::Clone::clone(&#arguments);)*
    };
    let value = Ident::new("value", Span::mixed_site());
    let error = Ident::new("error", Span::mixed_site());
    let call = quote_spanned! { fallback.span()=> (#fallback)(#(#copies,)* #error) #waits };
    let result = quote! {
        match #result {
            ::core::result::Result::Ok(#value) => ::core::result::Result::Ok(#value),
            ::core::result::Result::Err(#error) => #call,
        }
    };
    Ok((keep, result))
}

/// The argument, to be given to the fallback too.
fn again(argument: Argument<'_>) -> Result<TokenStream> {
    if argument.is_mut_reference {
        let problem = "a fallback gets the same arguments, and `&mut` cannot be given twice";
        return Err(Error::new(argument.source.span(), problem));
    }
    argument.name.ok_or_else(|| {
        let problem = "a fallback gets the same arguments, so each needs a name";
        Error::new(argument.source.span(), problem)
    })
}

/// Whether `tokens` mention any of the `names`.
fn mentions(tokens: TokenStream, names: &[String]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions(group.stream(), names),
        TokenTree::Ident(ident) => names.iter().any(|name| ident == name),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
