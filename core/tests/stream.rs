//! Guarded streams of bytes, blocking and asynchronous.
#![cfg(feature = "embedded-io-async")]

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_io::{Error, ErrorKind, ErrorType, Read, Write};
use embedded_io_async as io_async;
use microbreaker::hal::GuardedStream;
use microbreaker::{Breaker, CallError, Config, Counters, Outcome, Phase, clock::ManualClock};

type Guarding<'a> = Breaker<(), &'a ManualClock, Counters>;

fn breaker(clock: &ManualClock) -> Guarding<'_> {
    let config = Config::new().consecutive_failures(3).open_for(100);
    Breaker::observed(config, (), clock, Counters::new())
}

/// Nothing here is ever pending.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!(),
    }
}

/// A modem that answers everything alike; counts what it is asked.
#[derive(Debug, Default)]
struct Modem {
    asked: u32,
    broken: Option<ErrorKind>,
}

impl Modem {
    fn answer(&mut self, length: usize) -> Result<usize, ErrorKind> {
        self.asked += 1;
        self.broken.map_or(Ok(length), Err)
    }
}

impl ErrorType for Modem {
    type Error = ErrorKind;
}

impl Read for Modem {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        self.answer(buf.len())
    }
}

impl Write for Modem {
    fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        self.answer(buf.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.answer(0).map(drop)
    }
}

impl io_async::Read for Modem {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        self.answer(buf.len())
    }
}

impl io_async::Write for Modem {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        self.answer(buf.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.answer(0).map(drop)
    }
}

/// Everything that can be asked of a stream, in both ways.
fn everything(
    modem: &mut GuardedStream<Modem, &Guarding<'_>>,
) -> [Result<usize, CallError<ErrorKind>>; 6] {
    let mut buffer = [0; 4];
    [
        Read::read(modem, &mut buffer),
        Write::write(modem, b"AT\r"),
        Write::flush(modem).map(|()| 0),
        at_once(io_async::Read::read(modem, &mut buffer)),
        at_once(io_async::Write::write(modem, b"AT\r")),
        at_once(io_async::Write::flush(modem)).map(|()| 0),
    ]
}

#[test]
fn every_method_is_guarded() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut modem = GuardedStream::new(Modem::default(), &breaker);
    breaker.force_open();
    for answer in everything(&mut modem) {
        assert!(matches!(answer, Err(CallError::Rejected(_))));
    }
    breaker.reset();
    assert_eq!(everything(&mut modem), [Ok(4), Ok(3), Ok(0), Ok(4), Ok(3), Ok(0)]);
    assert_eq!(breaker.observer().counts().successes, 6);
    assert_eq!(modem.release().asked, 6, "nothing while open, once each otherwise");
}

#[test]
fn a_modem_that_does_not_answer_is_left_alone() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let broken = Modem { broken: Some(ErrorKind::TimedOut), ..Modem::default() };
    let mut modem = GuardedStream::new(broken, &breaker);
    let answers = everything(&mut modem);
    assert_eq!(answers[..3], [Err(CallError::Failed(ErrorKind::TimedOut)); 3]);
    assert!(answers[3..].iter().all(|answer| matches!(answer, Err(CallError::Rejected(_)))));
    assert_eq!(modem.stream().asked, 3);

    modem.stream_mut().broken = None;
    clock.advance(100);
    assert_eq!(modem.write(b"AT\r"), Ok(3));
    assert_eq!(modem.gate().phase(), Phase::Closed);
}

#[test]
fn an_error_keeps_its_kind_and_a_refusal_is_of_kind_other() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let broken = Modem { broken: Some(ErrorKind::ConnectionReset), ..Modem::default() };
    let mut modem = GuardedStream::new(broken, &breaker);
    assert_eq!(modem.flush().unwrap_err().kind(), ErrorKind::ConnectionReset);
    breaker.trip();
    assert_eq!(modem.flush().unwrap_err().kind(), ErrorKind::Other);
}

#[test]
fn a_classifier_sees_the_own_error_of_the_stream_and_what_it_captures() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let roaming = Cell::new(true);
    let broken = Modem { broken: Some(ErrorKind::NotConnected), ..Modem::default() };
    let mut modem = GuardedStream::classified(broken, &breaker, |error: &ErrorKind| match error {
        ErrorKind::NotConnected if roaming.get() => Outcome::Ignored,
        _ => Outcome::FailureOpenFor(7),
    });
    for _ in 0..9 {
        assert!(modem.flush().is_err());
    }
    assert_eq!(breaker.observer().counts().ignored, 9);
    roaming.set(false);
    assert!(at_once(io_async::Write::flush(&mut modem)).is_err());
    assert_eq!(breaker.snapshot().retry_after, Some(7));
}
