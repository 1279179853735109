//! How a fleet's costs grow with its instances: `cargo xtask fleet --simulate`.

use std::path::Path;

use crate::chart::{Panel, draw};
use crate::price::{Prices, TAKEN, measure};
use crate::simulation::{Figures, Size, simulate};

const SEED: u64 = 7;
/// A server that is busier does not keep up when something happens.
const KEEPS_UP: f64 = 0.75;

/// A kind of fleet: of how many breakers there are, each instance calls how many.
struct Kind {
    name: &'static str,
    breakers: fn(usize) -> usize,
    each: usize,
}

const KINDS: [Kind; 2] = [
    Kind { name: "one breaker", breakers: |_| 1, each: 1 },
    Kind { name: "10 of N/10 breakers", breakers: |instances| 10.max(instances / 10), each: 10 },
];

/// `--full`: up to 10,000 instances, and the chart is drawn.
pub(crate) async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let full = arguments.iter().any(|argument| argument == "--full");
    let sizes: &[usize] =
        if full { &[10, 30, 100, 300, 1_000, 3_000, 10_000] } else { &[10, 100, 1_000] };
    let measured = measure().await?;
    println!("A redis-server on this machine spends, and what is taken for granted:");
    for (what, Prices { processor, bytes, slot }) in [("measured", measured), ("taken", TAKEN)] {
        println!(
            "{what:>10}: {:.0} us of its processor on an exchange and {:.0} on each report, \
             {:.0} bytes on the network and {:.0}, {slot:.0} bytes of memory on a slot",
            processor.exchange, processor.report, bytes.exchange, bytes.report,
        );
    }
    println!("Seed {SEED}.");
    let mut grown = Vec::new();
    for kind in &KINDS {
        println!("\n{}:", kind.name);
        println!("{HEADING}");
        let mut of_kind = Vec::new();
        for &instances in sizes {
            let size = Size { instances, breakers: (kind.breakers)(instances), each: kind.each };
            let figures = simulate(size, TAKEN.processor, SEED)?;
            println!("{}", row(size, &figures));
            if figures.load < KEEPS_UP {
                anyhow::ensure!(figures.stragglers == 0, "some did not open, or did not close");
                anyhow::ensure!(figures.probes <= figures.rounds, "too many probes in a round");
            }
            of_kind.push((size, figures));
        }
        grown.push((kind, of_kind));
    }
    println!();
    for (kind, of_kind) in &grown {
        for (size, figures) in of_kind {
            let name = format!("{}_instances_{}_breakers", size.instances, size.breakers);
            println!("figure store_operations_a_second_{name} {:.0}", figures.exchanges);
            println!("figure opening_spread_ms_{name} {}", figures.opening.as_millis());
        }
        // By a fleet that no server has slowed down.
        let (smallest, calm) = of_kind[0];
        let needs = TAKEN.processor.of(calm.exchanges, calm.reports) / smallest.instances as f64;
        println!(
            "figure instances_of_half_a_server_{}_breakers_each {:.0}",
            kind.each,
            5e5 / needs
        );
    }
    if full {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/growth.svg");
        draw(&path, &panels(&grown))?;
        println!("drew {}", path.display());
    }
    Ok(())
}

const HEADING: &str = " instances  breakers  exchanges/s  busiest s    kB/s  memory kB  busy %  \
                       opened in ms  closed in ms  failed calls  probes/rounds  stragglers";

fn row(size: Size, figures: &Figures) -> String {
    format!(
        "{:10} {:9} {:12.0} {:10} {:7.0} {:10.0} {:7.1} {:13} {:13} {:13} {:>14} {:11}",
        size.instances,
        size.breakers,
        figures.exchanges,
        figures.most_exchanges,
        kilobytes(figures),
        memory(size),
        100.0 * figures.load,
        figures.opening.as_millis(),
        figures.closing.as_millis(),
        figures.doomed,
        format!("{}/{}", figures.probes, figures.rounds),
        figures.stragglers,
    )
}

fn kilobytes(figures: &Figures) -> f64 {
    TAKEN.bytes.of(figures.exchanges, figures.reports) / 1e3
}

/// Of the server.
fn memory(size: Size) -> f64 {
    TAKEN.slot * (size.instances * size.each) as f64 / 1e3
}

fn panels(grown: &[(&Kind, Vec<(Size, Figures)>)]) -> Vec<Panel> {
    let panel = |title: &'static str, value: &dyn Fn(Size, &Figures) -> f64| Panel {
        title,
        lines: grown
            .iter()
            .map(|(kind, of_kind)| {
                let point = |(size, figures): &(Size, Figures)| {
                    (size.instances as f64, value(*size, figures))
                };
                (kind.name, of_kind.iter().map(point).collect())
            })
            .collect(),
    };
    let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    vec![
        panel("exchanges a second", &|_, it| it.exchanges),
        panel("exchanges in the busiest second", &|_, it| it.most_exchanges as f64),
        panel("kB a second on the network", &|_, it| kilobytes(it)),
        panel("kB of the server's memory", &|size, _| memory(size)),
        panel("percent of its time that the server is busy", &|_, it| 100.0 * it.load),
        panel("probes in a round", &|_, it| it.probes as f64 / it.rounds.max(1) as f64),
        panel("ms from the first opening to the last", &|_, it| millis(it.opening)),
        panel("ms from the first closing to the last", &|_, it| millis(it.closing)),
    ]
}
