//! Charts against the number of instances, as SVG.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use plotters::prelude::*;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 260;

/// One chart, on logarithmic scales.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Line>,
}

const COLORS: [RGBColor; 2] = [RGBColor(40, 120, 180), RGBColor(220, 140, 60)];

/// A name, and points: instances, and a value.
pub(crate) type Line = (&'static str, Vec<(f64, f64)>);

/// Draws the panels, two in a row.
pub(crate) fn draw(path: &Path, panels: &[Panel]) -> anyhow::Result<()> {
    fs::create_dir_all(path.parent().context("it has a folder")?)?;
    let rows = panels.len().div_ceil(2);
    let root = SVGBackend::new(path, (WIDTH, HEIGHT * rows as u32)).into_drawing_area();
    let all = || -> Result<(), DrawingAreaErrorKind<_>> {
        root.fill(&WHITE)?;
        for (area, panel) in root.split_evenly((rows, 2)).iter().zip(panels) {
            draw_panel(area, panel)?;
        }
        root.present()
    };
    all().map_err(|error| anyhow!("{}: {error}", path.display()))
}

fn draw_panel<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    panel: &Panel,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let points = || panel.lines.iter().flat_map(|(_, points)| points);
    let largest = points().fold(10.0, |largest: f64, point| largest.max(point.0));
    // A logarithmic scale has no zero.
    let values = || points().map(|point| point.1).filter(|&value| value > 0.0);
    let lowest = values().fold(1.0, f64::min) / 1.5;
    let highest = values().fold(10.0, f64::max) * 1.5;
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, ("sans-serif", 15))
        .margin(10)
        .margin_right(24)
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d((10.0..largest).log_scale(), (lowest..highest).log_scale())?;
    chart.configure_mesh().light_line_style(WHITE).x_desc("instances").draw()?;
    for ((name, points), color) in panel.lines.iter().zip(COLORS) {
        let drawn = points.iter().copied().filter(|point| point.1 > 0.0);
        let series = LineSeries::new(drawn, color.stroke_width(2)).point_size(3);
        let legend = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color);
        chart.draw_series(series)?.label(*name).legend(legend);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    Ok(())
}
