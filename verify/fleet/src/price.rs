//! What an exchange costs a real server.

use microbreaker_fleet::{RedisStore, Report, Request, Slot, Store};
use redis::InfoDict;

use crate::server::Server;

/// What a server spends on an exchange, and on each report in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Price {
    pub(crate) exchange: f64,
    pub(crate) report: f64,
}

impl Price {
    /// From what exchanges of one and of many reports have taken.
    fn between(one: f64, many: f64) -> Self {
        let report = (many - one) / (MANY - 1) as f64;
        Self { exchange: one - report, report }
    }

    pub(crate) fn of(self, exchanges: f64, reports: f64) -> f64 {
        self.exchange * exchanges + self.report * reports
    }
}

/// What a server spends on a fleet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prices {
    /// Microseconds of its processor, with reading, writing and the network.
    pub(crate) processor: Price,
    /// Over the network, both ways.
    pub(crate) bytes: Price,
    /// Bytes of its memory, for each breaker of each instance.
    pub(crate) slot: f64,
}

/// What the simulations take for granted, about what a `redis-server` 7.0 was measured at:
/// constants, so that their figures can be had again.
pub(crate) const TAKEN: Prices = Prices {
    processor: Price { exchange: 30.0, report: 40.0 },
    bytes: Price { exchange: 270.0, report: 257.0 },
    slot: 100.0,
};

const MANY: usize = 100;
const INSTANCES: u64 = 200;

/// Measures a `redis-server` of its own.
pub(crate) async fn measure() -> anyhow::Result<Prices> {
    let server = Server::start().await?;
    let url = Server::url_at(([127, 0, 0, 1], server.port).into());
    let store =
        RedisStore::new(&url, "trial").map_err(|error| anyhow::anyhow!(error.to_string()))?;
    let mut figures = Vec::new();
    let mut sequence = 0;
    for (reports, exchanges) in [(1, 20_000), (MANY, 2_000)] {
        // Slots of all instances are there before, and the script is loaded.
        exchange(&store, reports, &mut sequence, INSTANCES).await?;
        let before = Usage::of(&server)?;
        exchange(&store, reports, &mut sequence, exchanges).await?;
        figures.push(Usage::of(&server)?.since(before, exchanges as f64));
    }
    let [one, many] = figures[..] else { unreachable!("two sizes") };
    println!(
        "By its own count (INFO commandstats), a script of 1 report takes {:.0} microseconds, \
         one of {MANY} takes {:.0}.",
        one.script, many.script
    );
    let slots = (INSTANCES * (MANY as u64 - 1)) as f64;
    Ok(Prices {
        processor: Price::between(one.processor, many.processor),
        bytes: Price::between(one.bytes, many.bytes),
        slot: (many.memory - one.memory) / slots,
    })
}

async fn exchange(
    store: &RedisStore,
    reports: usize,
    sequence: &mut u64,
    exchanges: u64,
) -> anyhow::Result<()> {
    for n in 0..exchanges {
        *sequence += 1;
        let report = |breaker: usize| Report {
            name: format!("service-{breaker}.internal").into(),
            slot: Some(Slot {
                calls: 100 + n as u32 % 7,
                failed: 3,
                has_traffic: true,
                ..Slot::default()
            }),
            handed_back: 0,
            used: 0,
            wish: None,
            proposal: None,
        };
        let request = Request {
            instance: format!("pod-{}:4711:0123456789abcdef", n % INSTANCES),
            sequence: *sequence,
            lifetime: std::time::Duration::from_secs(60),
            reports: (0..reports).map(report).collect(),
            seen: 0,
        };
        let reply = store.exchange(&request).await;
        reply.map_err(|error| anyhow::anyhow!(error.to_string()))?;
    }
    Ok(())
}

/// What the server has spent so far: microseconds and bytes.
#[derive(Clone, Copy)]
struct Usage {
    script: f64,
    processor: f64,
    bytes: f64,
    memory: f64,
}

impl Usage {
    fn of(server: &Server) -> anyhow::Result<Self> {
        let mut connection = server.connection()?;
        let info: InfoDict = redis::cmd("INFO").arg("everything").query(&mut connection)?;
        let number = |name: &str| info.get::<f64>(name).unwrap_or(0.0);
        let script: Option<String> = info.get("cmdstat_evalsha");
        let script = script.as_deref().unwrap_or_default().split(',');
        let mut microseconds = script.filter_map(|part| part.strip_prefix("usec=")?.parse().ok());
        Ok(Self {
            script: microseconds.next().unwrap_or(0.0),
            processor: 1e6 * (number("used_cpu_user") + number("used_cpu_sys")),
            bytes: number("total_net_input_bytes") + number("total_net_output_bytes"),
            memory: number("used_memory_dataset"),
        })
    }

    /// For each exchange; the memory as it is.
    fn since(self, before: Self, exchanges: f64) -> Self {
        let each = |now: f64, before: f64| (now - before) / exchanges;
        Self {
            script: each(self.script, before.script),
            processor: each(self.processor, before.processor),
            bytes: each(self.bytes, before.bytes),
            memory: self.memory,
        }
    }
}
