//! The function that is to be guarded.

use proc_macro2::{Group, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned as _;
use syn::visit::{Visit, visit_pat_ident};
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, Pat, PatIdent, PathArguments, ReceiverKind,
    Result, ReturnType, Safety, Signature, Token, Type, Visibility, parse_quote,
};

/// A function. Its body is left as it was written.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

/// An argument.
pub(crate) struct Argument<'a> {
    /// `None` for a pattern.
    pub(crate) name: Option<TokenStream>,
    /// All names that it binds.
    pub(crate) bound: Vec<String>,
    /// Whether it is a reference other than `&mut`, and so can be used in several places.
    pub(crate) is_shared: bool,
    pub(crate) is_mut_reference: bool,
    pub(crate) source: &'a FnArg,
}

/// What the body returns.
pub(crate) struct Returned {
    /// Its type, in a place where it may be inferred.
    pub(crate) of_body: Type,
    /// Whether the function wraps the error of its body in a `CallError`.
    pub(crate) in_call_error: bool,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature: Signature = input.parse().map_err(|error| {
            Error::new(error.span(), format!("only functions can be guarded: {error}"))
        })?;
        if let Some(end) = input.parse::<Option<Token![;]>>()? {
            let problem = "a function without a body cannot be guarded: guard what implements it";
            return Err(Error::new(end.span, problem));
        }
        let function = Self { attributes, visibility, signature, body: input.parse()? };
        function.check()?;
        Ok(function)
    }
}

impl Function {
    fn check(&self) -> Result<()> {
        if let Some(token) = self.signature.constness {
            let problem = "a `const fn` cannot be guarded: a breaker works at run time";
            return Err(Error::new(token.span, problem));
        }
        if let Safety::Unsafe(token) = self.signature.safety {
            let problem = "an `unsafe fn` cannot be guarded: guard a safe function that calls it";
            return Err(Error::new(token.span, problem));
        }
        Ok(())
    }

    /// What the body returns.
    pub(crate) fn returned(&self) -> Result<Returned> {
        const NO_RESULT: &str = "a guarded function returns a `Result`, whose error says \
                                 when the call was refused";
        let ReturnType::Type(_, output) = &self.signature.output else {
            return Err(Error::new(self.signature.ident.span(), NO_RESULT));
        };
        let Type::Path(path) = &**output else {
            return Err(Error::new(output.span(), NO_RESULT));
        };
        if path.path.segments.last().is_some_and(|last| last.ident == "Pin") {
            let problem = "guard an `async fn`, not a function that returns a boxed future, \
                           as those in an `#[async_trait]` do";
            return Err(Error::new(output.span(), problem));
        }
        let mut of_body = Type::Path(path.clone());
        let in_call_error = unwrap_call_error(&mut of_body);
        Inferred.visit_type_mut(&mut of_body);
        Ok(Returned { of_body, in_call_error })
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        self.signature.inputs.iter().map(Argument::of)
    }
}

impl<'a> Argument<'a> {
    fn of(source: &'a FnArg) -> Self {
        let (name, bound, reference) = match source {
            FnArg::Receiver(receiver) => {
                let reference = match &receiver.kind {
                    ReceiverKind::Reference(_, _, mutability) => Some(mutability.is_some()),
                    ReceiverKind::Typed(_, written) => mutability(written),
                    _ => None,
                };
                let token = receiver.self_token;
                (Some(quote::quote!(#token)), vec!["self".to_owned()], reference)
            }
            FnArg::Typed(typed) => {
                let mut bound = Bound::default();
                bound.visit_pat(&typed.pat);
                (name(&typed.pat), bound.0, mutability(&typed.ty))
            }
        };
        let (is_shared, is_mut_reference) = (reference == Some(false), reference == Some(true));
        Self { name, bound, is_shared, is_mut_reference, source }
    }
}

fn name(pattern: &Pat) -> Option<TokenStream> {
    match pattern {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            let name: &Ident = &pattern.ident;
            Some(quote::quote!(#name))
        }
        _ => None,
    }
}

/// The names that a pattern binds.
#[derive(Default)]
struct Bound(Vec<String>);

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, node: &'ast PatIdent) {
        self.0.push(node.ident.to_string());
        visit_pat_ident(self, node);
    }
}

/// Whether a reference is `&mut`; `None` for any other type.
fn mutability(written: &Type) -> Option<bool> {
    match written {
        Type::Reference(reference) => Some(reference.mutability.is_some()),
        _ => None,
    }
}

/// Turns `Result<T, CallError<E>>` into `Result<T, E>`.
fn unwrap_call_error(result: &mut Type) -> bool {
    let Some(error) = last_of_two(result) else { return false };
    let Type::Path(path) = &*error else { return false };
    let Some(last) = path.path.segments.last().filter(|last| last.ident == "CallError") else {
        return false;
    };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return false };
    let Some(GenericArgument::Type(inner)) = arguments.args.first() else { return false };
    *error = inner.clone();
    true
}

/// The second of the two types that a type has as arguments.
fn last_of_two(of: &mut Type) -> Option<&mut Type> {
    let Type::Path(path) = of else { return None };
    let PathArguments::AngleBracketed(arguments) = &mut path.path.segments.last_mut()?.arguments
    else {
        return None;
    };
    match (arguments.args.len(), arguments.args.last_mut()) {
        (2, Some(GenericArgument::Type(error))) => Some(error),
        _ => None,
    }
}

/// Replaces each `impl Trait` by `_`.
struct Inferred;

impl VisitMut for Inferred {
    fn visit_type_mut(&mut self, node: &mut Type) {
        match node {
            Type::ImplTrait(_) => *node = parse_quote!(_),
            other => visit_type_mut(self, other),
        }
    }
}
