//! Charts, as SVG.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

use crate::Side;

/// One bar: its name, whose it is, and its nanoseconds.
pub type Bar = (String, Side, f64);

const WIDTH: u32 = 900;
const BAR: u32 = 18;

/// Writes a chart of bars on a logarithmic scale, shortest on top.
///
/// # Errors
///
/// If the chart cannot be written.
pub fn bars(path: &Path, title: &str, mut bars: Vec<Bar>) -> anyhow::Result<()> {
    bars.sort_by(|(.., one), (.., other)| other.total_cmp(one));
    let longest = bars.first().map_or(1.0, |bar| bar.2).max(1.0) * 2.0;
    let height = BAR * bars.len() as u32 + 80;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let draw = || -> Result<(), DrawingAreaErrorKind<_>> {
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 17))
            .margin(8)
            .x_label_area_size(30)
            .y_label_area_size(390)
            .build_cartesian_2d((0.1..longest).log_scale(), 0.0..bars.len() as f64)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(0)
            .x_desc("nanoseconds per call of each thread, logarithmic")
            .light_line_style(WHITE)
            .draw()?;
        let origin = chart.plotting_area().get_x_axis_pixel_range().start;
        for (row, (name, side, nanos)) in bars.iter().enumerate() {
            let color = match side {
                Side::Floor => RGBColor(150, 150, 150),
                Side::Ours => RGBColor(40, 120, 180),
                Side::Peer => RGBColor(220, 140, 60),
            };
            let row = row as f64;
            let corners = [(0.1, row + 0.15), (*nanos, row + 0.85)];
            chart.draw_series([Rectangle::new(corners, color.filled())])?;
            let label = format!("{name}  {nanos:.1}");
            let middle = chart.plotting_area().map_coordinate(&(0.1, row + 0.5)).1;
            let style = ("sans-serif", 12).into_text_style(&root).pos(RIGHT);
            root.draw(&Text::new(label, (origin - 6, middle), style))?;
        }
        root.present()
    };
    draw().map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// Right-aligned, and centred on the line.
const RIGHT: plotters::style::text_anchor::Pos = plotters::style::text_anchor::Pos {
    h_pos: plotters::style::text_anchor::HPos::Right,
    v_pos: plotters::style::text_anchor::VPos::Center,
};

/// A line: its name, and its points, in nanoseconds against x.
pub type Line = (String, Vec<(f64, f64)>);

/// Writes a chart of lines, on logarithmic scales.
///
/// # Errors
///
/// If the chart cannot be written.
pub fn lines(path: &Path, title: &str, across: &str, lines: &[Line]) -> anyhow::Result<()> {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let last = points().fold(1.0, |last: f64, point| last.max(point.0));
    let highest = points().fold(1.0, |highest: f64, point| highest.max(point.1));
    let root = SVGBackend::new(path, (WIDTH, 420)).into_drawing_area();
    let draw = || -> Result<(), DrawingAreaErrorKind<_>> {
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 17))
            .margin(12)
            .margin_right(30)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d((1.0..last).log_scale(), (0.3..highest * 2.0).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(across)
            .y_desc("nanoseconds per call of each thread")
            .draw()?;
        for (index, (name, points)) in lines.iter().enumerate() {
            let color = Palette99::pick(index).to_rgba();
            let series = LineSeries::new(points.iter().copied(), color.stroke_width(2));
            let legend = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color);
            chart.draw_series(series.point_size(3))?.label(name).legend(legend);
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK)
            .draw()?;
        root.present()
    };
    draw().map_err(|error| anyhow!("{}: {error}", path.display()))
}
