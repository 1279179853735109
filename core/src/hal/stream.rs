//! A guarded stream of bytes.

use embedded_io::{Error, ErrorKind, ErrorType, Read, Write};

use super::{Classify, EveryErrorFails, guarded};
use crate::error::CallError;
use crate::event::Outcome;
use crate::gate::Gate;

/// A stream of bytes behind a gate, such as a modem's or a socket's: each read, write and
/// flush is one guarded call.
///
/// Guard the exchange, request and answer, where you can: one whose writes succeed can go
/// without an answer for ever without two failures in a row. The end of the stream is no
/// error, but `Ok(0)`, and counts as a success.
///
/// ```
/// use embedded_io::{ErrorKind, ErrorType, Write};
/// use microbreaker::{Breaker, CallError, Config, Outcome, hal::GuardedStream};
/// # struct Modem;
/// # impl ErrorType for Modem { type Error = ErrorKind; }
/// # impl Write for Modem {
/// #     fn write(&mut self, _: &[u8]) -> Result<usize, ErrorKind> { Err(ErrorKind::TimedOut) }
/// #     fn flush(&mut self) -> Result<(), ErrorKind> { Ok(()) }
/// # }
///
/// static MODEM: Breaker<(), fn() -> u32> =
///     Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), || 0);
///
/// let mut modem = GuardedStream::classified(Modem, &MODEM, |error: &ErrorKind| match error {
///     ErrorKind::Interrupted => Outcome::Ignored,
///     _ => Outcome::Failure,
/// });
/// assert!(matches!(modem.write(b"AT\r"), Err(CallError::Failed(ErrorKind::TimedOut))));
/// assert!(matches!(modem.write(b"AT\r"), Err(CallError::Rejected(_)))); // left alone
/// ```
#[derive(Debug)]
pub struct GuardedStream<S, G, C = EveryErrorFails> {
    pub(super) stream: S,
    pub(super) gate: G,
    pub(super) classify: C,
}

impl<S, G> GuardedStream<S, G> {
    /// Guards `stream`; every error is a failure.
    pub const fn new(stream: S, gate: G) -> Self {
        Self { stream, gate, classify: EveryErrorFails }
    }
}

impl<S: ErrorType, G, C: Classify<S::Error>> GuardedStream<S, G, C> {
    /// Guards `stream`; `classify` says what each of its errors counts as.
    pub const fn classified(stream: S, gate: G, classify: C) -> Self
    where
        // Lets the compiler infer the type of a closure's parameter.
        C: Fn(&S::Error) -> Outcome,
    {
        Self { stream, gate, classify }
    }
}

impl<S, G, C> GuardedStream<S, G, C> {
    /// Returns the gate.
    pub const fn gate(&self) -> &G {
        &self.gate
    }

    /// Returns the bare stream.
    pub const fn stream(&self) -> &S {
        &self.stream
    }

    /// Returns the bare stream, for example to reset it: what you do with it is not guarded.
    pub const fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Unwraps the bare stream.
    pub fn release(self) -> S {
        self.stream
    }
}

impl<E: Error, R: core::error::Error> Error for CallError<E, R> {
    /// The stream error's kind; `Other` for a refusal.
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Rejected(_) => ErrorKind::Other,
            Self::Failed(error) => error.kind(),
        }
    }
}

impl<S: ErrorType, G, C> ErrorType for GuardedStream<S, G, C> {
    type Error = CallError<S::Error>;
}

impl<S: Read, G: Gate, C: Classify<S::Error>> Read for GuardedStream<S, G, C> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        guarded(&self.gate, || self.stream.read(buf), &self.classify)
    }
}

impl<S: Write, G: Gate, C: Classify<S::Error>> Write for GuardedStream<S, G, C> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        guarded(&self.gate, || self.stream.write(buf), &self.classify)
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        guarded(&self.gate, || self.stream.flush(), &self.classify)
    }
}
