//! The telemetry of a registry that features add.

#[cfg(feature = "stream")]
impl super::Registry {
    /// The events of all breakers from now on as a stream, for any executor.
    pub fn events(&self) -> crate::telemetry::stream::Events {
        self.0.listeners.stream.subscribe()
    }
}

#[cfg(feature = "metrics")]
impl super::Registry {
    /// [`Breaker::publish_metrics`](crate::Breaker::publish_metrics) of all breakers.
    pub fn publish_metrics(&self) {
        crate::telemetry::series::describe();
        self.0.breakers.pin().values().for_each(|entry| entry.breaker.publish());
    }
}
