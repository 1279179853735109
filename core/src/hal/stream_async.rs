//! A guarded stream of bytes whose reads and writes are futures.

use embedded_io_async::{Read, Write};

use super::{Classify, GuardedStream, guarded_async};
use crate::gate::Gate;

impl<S: Read, G: Gate, C: Classify<S::Error>> Read for GuardedStream<S, G, C> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        guarded_async(&self.gate, self.stream.read(buf), &self.classify).await
    }
}

impl<S: Write, G: Gate, C: Classify<S::Error>> Write for GuardedStream<S, G, C> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        guarded_async(&self.gate, self.stream.write(buf), &self.classify).await
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        guarded_async(&self.gate, self.stream.flush(), &self.classify).await
    }
}
