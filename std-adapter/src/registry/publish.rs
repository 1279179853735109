//! The telemetry of a registry that features add.

#[cfg(feature = "stream")]
impl super::Registry {
    /// The events of all breakers from now on as a stream, for any executor.
    pub fn events(&self) -> crate::telemetry::stream::Events {
        self.0.listeners.stream.subscribe()
    }
}

#[cfg(feature = "metrics")]
mod labels {
    use std::cmp::Reverse;
    use std::sync::{Arc, PoisonError};

    use crate::breaker::Breaker;
    use crate::registry::Registry;
    use crate::telemetry::series::{self, Label, Sums};

    impl Registry {
        /// [`Breaker::publish_metrics`](crate::Breaker::publish_metrics) of all breakers.
        ///
        /// The series of breakers that share a label are added up: `microbreaker_state`
        /// tells how many are in the phase, the counters are sums, and each other gauge
        /// is the largest.
        pub fn publish_metrics(&self) {
            series::describe();
            let breakers = self.0.breakers.pin();
            let mut published = self.0.published.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = self.recipe().labels.busiest {
                choose_busiest(breakers.values().map(|entry| &entry.breaker), count);
            }
            let mut sums = Sums::default();
            breakers.values().for_each(|entry| entry.breaker.publish(&mut sums));
            published.replace(sums);
        }

        /// Reports each breaker under the label that `rule` gives its name. Where names
        /// come from outside, group them or drop them: each label takes about 25 series,
        /// which an exporter keeps.
        ///
        /// ```
        /// use microbreaker_std::{Breaker, Label, Registry};
        ///
        /// let template = Breaker::builder("template").consecutive_failures(5);
        /// let registry = Registry::new(template.open_for(std::time::Duration::from_secs(30)))?
        ///     .label_with(|name| match name.split_once('/') {
        ///         Some(("tenant", _)) => Label::Group("tenants".into()),
        ///         Some(("scratch", _)) => Label::Dropped,
        ///         _ => Label::Name,
        ///     });
        /// # Ok::<(), microbreaker_std::BuildError>(())
        /// ```
        ///
        /// # Panics
        ///
        /// If the registry has been cloned, or has breakers.
        #[must_use]
        pub fn label_with(self, rule: impl Fn(&str) -> Label + Send + Sync + 'static) -> Self {
            self.label(|labels| labels.rule = Some(Arc::new(rule)))
        }

        /// Reports under their names only as many breakers as `count`, those that have
        /// had the most calls when [`publish_metrics`](Self::publish_metrics) is called,
        /// and all others together as `other`. Breakers that
        /// [`label_with`](Self::label_with) groups do not count.
        ///
        /// An exporter keeps the series of a breaker that was among them. Set its idle
        /// time-out, so that it forgets them.
        ///
        /// # Panics
        ///
        /// If the registry has been cloned, or has breakers.
        #[must_use]
        pub fn label_busiest(self, count: usize) -> Self {
            self.label(|labels| labels.busiest = Some(count))
        }

        fn label(mut self, change: impl FnOnce(&mut series::Labels)) -> Self {
            let shared = self.unshared();
            assert!(shared.breakers.is_empty(), "labels are set before breakers are built");
            change(&mut shared.recipe.get_mut().unwrap_or_else(PoisonError::into_inner).labels);
            self
        }
    }

    /// Gives a label of its own to as many as `count` of those that have one only if they
    /// are busy.
    fn choose_busiest<'a>(breakers: impl Iterator<Item = &'a Breaker>, count: usize) {
        let ranked = breakers.filter(|breaker| breaker.inner().telemetry.series.only_if_busy());
        let mut ranked: Vec<_> = ranked.map(|it| (it.counts().asked(), it)).collect();
        ranked.sort_by_key(|(asked, breaker)| (Reverse(*asked), breaker.name().clone()));
        for (rank, (_, breaker)) in ranked.into_iter().enumerate() {
            let telemetry = &breaker.inner().telemetry;
            telemetry.series.set_busy(&telemetry.name, rank < count);
        }
    }
}
