//! What reaches OpenTelemetry through the bridges from `tracing` and `metrics`.

use std::time::Duration;

use metrics::with_local_recorder;
use metrics_exporter_otel::OpenTelemetryRecorder;
use microbreaker_std::Breaker;
use microbreaker_std::clock::PausedClock;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing::info_span;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt;

const SECOND: Duration = Duration::from_secs(1);

/// A breaker that trips at the first failure.
fn touchy(clock: &PausedClock) -> Breaker {
    let builder = Breaker::builder("users").consecutive_failures(1).open_for(SECOND);
    builder.measure_durations().clock(clock.clone()).build().unwrap()
}

fn succeed(breaker: &Breaker) {
    breaker.call(|| Ok::<_, ()>(())).unwrap();
}

fn fail(breaker: &Breaker) {
    assert!(breaker.call(|| Err::<(), _>(())).is_err());
}

#[test]
fn transitions_are_events_of_the_span_in_which_the_call_was_made() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let clock = PausedClock::new();
    let breaker = touchy(&clock);
    with_default(tracing_subscriber::registry().with(layer), || {
        info_span!("the one that failed").in_scope(|| fail(&breaker));
        clock.advance(SECOND);
        info_span!("the probe").in_scope(|| succeed(&breaker));
    });
    let events: Vec<_> = exporter
        .get_finished_spans()
        .unwrap()
        .into_iter()
        .flat_map(|span| {
            let name = span.name;
            span.events.events.into_iter().map(move |event| {
                let named = |key: &str| event.attributes.iter().find(|it| it.key.as_str() == key);
                let values = ["level", "breaker", "from", "to", "cause"]
                    .map(|key| named(key).unwrap().value.as_str());
                format!("{name}: {}: {}", event.name, values.join(" "))
            })
        })
        .collect();
    assert_eq!(
        events,
        [
            "the one that failed: circuit breaker opened: \
             WARN users closed open consecutive_failures",
            "the probe: circuit breaker changed: DEBUG users open half_open opening_over",
            "the probe: circuit breaker changed: INFO users half_open closed probes_succeeded",
        ]
    );
}

/// One line for each series, in Prometheus's format.
fn series(exported: &ResourceMetrics) -> Vec<String> {
    let line = |name: &str,
                attributes: &mut dyn Iterator<Item = &KeyValue>,
                value: &dyn ToString| {
        let mut labels: Vec<_> = attributes.map(|it| format!("{}={}", it.key, it.value)).collect();
        labels.sort();
        format!("{name}{{{}}} {}", labels.join(","), value.to_string())
    };
    let metrics = exported.scope_metrics().flat_map(|scope| scope.metrics());
    let lines = metrics.flat_map(|metric| -> Vec<_> {
        let name = metric.name();
        match metric.data() {
            AggregatedMetrics::F64(MetricData::Gauge(gauge)) => gauge
                .data_points()
                .map(|it| line(name, &mut it.attributes(), &it.value()))
                .collect(),
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                assert!(sum.is_monotonic());
                sum.data_points().map(|it| line(name, &mut it.attributes(), &it.value())).collect()
            }
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                assert_eq!(metric.unit(), "s");
                histogram
                    .data_points()
                    .map(|it| line(name, &mut it.attributes(), &it.count()))
                    .collect()
            }
            other => panic!("{name} is {other:?}"),
        }
    });
    lines.collect()
}

#[test]
fn metrics_are_exported_once_however_often_they_are_published() {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
    let recorder = OpenTelemetryRecorder::new(provider.meter("test"));
    let breaker = touchy(&PausedClock::new());
    with_local_recorder(&recorder, || {
        for _ in 0..3 {
            succeed(&breaker);
            breaker.publish_metrics();
            provider.force_flush().unwrap();
        }
        fail(&breaker);
        fail(&breaker);
        breaker.publish_metrics();
        provider.force_flush().unwrap();
    });
    let exported = exporter.get_finished_metrics().unwrap();
    let series = series(exported.last().unwrap());
    for line in [
        "microbreaker_state{breaker=users,phase=open} 1",
        "microbreaker_state{breaker=users,phase=closed} 0",
        "microbreaker_retry_after_seconds{breaker=users} 1",
        "microbreaker_calls_total{breaker=users,outcome=success} 3",
        "microbreaker_calls_total{breaker=users,outcome=failure} 1",
        "microbreaker_rejections_total{breaker=users} 1",
        "microbreaker_call_duration_seconds{breaker=users,outcome=success} 3",
        "microbreaker_transitions_total{breaker=users,cause=consecutive_failures,from=closed,to=open} 1",
    ] {
        assert!(series.iter().any(|it| it == line), "{line} is not in {series:#?}");
    }
}
