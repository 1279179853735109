//! Draws a case as a timeline: phases, calls, and what the policies watch.

mod scale;
mod story;

use std::fmt::Write as _;

use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Circle, Group, Line, Path, Rectangle, Style, Text, Title};

use self::scale::Scale;
use self::story::{Call, Mark, Meter, Span, Story};
use crate::case::{Case, Config, HalfOpen, LeakyBucket, MaxWaitTo, Rule, Window};
use crate::check::on_breaker;

/// How many times to look at the breaker between two steps.
const LOOKS: u64 = 200;

// In pixels.
const LEFT: f64 = 136.0;
const RIGHT: f64 = 64.0;
/// The least width, for the heading.
const LEAST: f64 = 560.0;
const MARGIN: f64 = 14.0;
const BAND: f64 = 26.0;
const LANE: f64 = 15.0;
const METER: f64 = 44.0;
const GAP: f64 = 14.0;
const LETTER: f64 = 6.6;

/// Draws how `case` runs on the real breaker, as SVG for light and dark backgrounds.
///
/// # Errors
///
/// If the design rules the case out, so that it cannot be replayed: the reason.
pub fn draw(case: &Case) -> Result<String, String> {
    let frames = on_breaker(case, LOOKS)?;
    let scale = Scale::new(case, LEFT);
    let story = Story::new(case, &frames, &scale);
    let width = (scale.end() + RIGHT).max(LEAST);
    let mut picture = Picture { group: Group::new(), width, y: MARGIN };
    picture.heading(case);
    picture.phases(&story.spans);
    picture.calls(&story.calls);
    for meter in &story.meters {
        picture.meter(meter, scale.end());
    }
    picture.axis(case, &scale);
    picture.legend(&story.calls);
    Ok(picture.finish(&case.title))
}

/// The picture so far: rows are added from top to bottom.
struct Picture {
    group: Group,
    width: f64,
    y: f64,
}

impl Picture {
    fn add(&mut self, node: impl svg::Node) {
        self.group = std::mem::take(&mut self.group).add(node);
    }

    fn text(&mut self, x: f64, y: f64, class: &str, words: &str) {
        self.add(Text::new(words).set("x", rounded(x)).set("y", rounded(y)).set("class", class));
    }

    fn label(&mut self, y: f64, words: &str) {
        self.text(LEFT - 10.0, y, "small end", words);
    }

    fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let line = Line::new().set("class", class);
        let line = line.set("x1", rounded(from.0)).set("y1", rounded(from.1));
        self.add(line.set("x2", rounded(to.0)).set("y2", rounded(to.1)));
    }

    fn heading(&mut self, case: &Case) {
        let title = if case.title.is_empty() { &case.id } else { &case.title };
        for line in wrap(title, (self.width - 2.0 * MARGIN) / (1.4 * LETTER)) {
            self.y += 16.0;
            self.text(MARGIN, self.y, "title", &line);
            self.y += 4.0;
        }
        for line in wrap(&summary(&case.config), (self.width - 2.0 * MARGIN) / (0.9 * LETTER)) {
            self.y += 14.0;
            self.text(MARGIN, self.y, "small", &line);
        }
        self.y += GAP;
    }

    fn phases(&mut self, spans: &[Span]) {
        self.label(self.y + BAND / 2.0 + 4.0, "phase");
        for span in spans {
            let width = span.to - span.from;
            let band = Rectangle::new()
                .set("class", span.phase.name())
                .set("x", rounded(span.from))
                .set("y", rounded(self.y))
                .set("width", rounded(width.max(1.0)))
                .set("height", rounded(BAND));
            let name = span.phase.name().replace('_', "-");
            self.add(band.add(Title::new(name.clone())));
            if name.len() as f64 * LETTER + 4.0 < width {
                let middle = (span.from + span.to) / 2.0;
                self.text(middle, self.y + BAND / 2.0 + 4.0, "middle", &name);
            }
        }
        self.y += BAND + GAP;
    }

    /// Uses as many lanes as there are calls at once.
    fn calls(&mut self, calls: &[Call]) {
        self.label(self.y + LANE / 2.0 + 2.0, "calls");
        let mut lanes: Vec<f64> = Vec::new();
        for call in calls {
            let free = lanes.iter().position(|&until| until < call.from - 1.0);
            let lane = free.unwrap_or(lanes.len());
            lanes.resize(lanes.len().max(lane + 1), 0.0);
            lanes[lane] = call.to + 4.0;
            self.call(call, self.y + LANE * (lane as f64 + 0.5));
        }
        self.y += LANE * lanes.len().max(1) as f64 + GAP;
    }

    fn call(&mut self, call: &Call, y: f64) {
        if call.to > call.from {
            self.line("call", (call.from, y), (call.to, y));
        }
        self.mark(call, call.to, y);
    }

    fn mark(&mut self, call: &Call, x: f64, y: f64) {
        let stale = if call.stale { " stale" } else { "" };
        let circle = |class: &str, radius: f64| {
            let circle = Circle::new().set("class", format!("{class}{stale}"));
            circle.set("cx", rounded(x)).set("cy", rounded(y)).set("r", radius)
        };
        if call.slow {
            self.add(circle("slow", 6.2));
        }
        match call.mark {
            Mark::Success => self.add(circle("good", 4.0)),
            Mark::Neutral => self.add(circle("none", 3.6)),
            Mark::Failure => {
                let data = Data::new().move_to((rounded(x - 3.4), rounded(y - 3.4)));
                let data = data.line_by((6.8, 6.8)).move_by((-6.8, 0)).line_by((6.8, -6.8));
                self.add(Path::new().set("class", format!("bad{stale}")).set("d", data));
            }
            Mark::Refused => {
                self.add(circle("none", 4.2));
                self.line("none", (x - 2.4, y), (x + 2.4, y));
            }
            Mark::Pending => {}
        }
    }

    fn meter(&mut self, meter: &Meter, end: f64) {
        let bottom = self.y + METER;
        let height = |value: f64| bottom - METER * value / meter.top.max(1.0);
        self.label(self.y + METER / 2.0 + 4.0, meter.name);
        for run in &meter.runs {
            let Some((&first, rest)) = run.split_first() else { continue };
            let mut curve = Data::new().move_to((rounded(first.0), rounded(height(first.1))));
            for &(x, value) in rest {
                curve =
                    curve.horizontal_line_to(rounded(x)).vertical_line_to(rounded(height(value)));
            }
            let below = curve.clone().vertical_line_to(rounded(bottom));
            let below = below.horizontal_line_to(rounded(first.0)).close();
            self.add(Path::new().set("class", "below").set("d", below));
            self.add(Path::new().set("class", "curve").set("d", curve));
        }
        self.line("axis", (LEFT, bottom), (end, bottom));
        if let Some(value) = meter.limit {
            let (limit, space) = (height(value), if meter.unit.is_empty() { "" } else { " " });
            self.line("limit", (LEFT, limit), (end, limit));
            let words = format!("{value}{space}{}", meter.unit);
            self.text(end + 6.0, limit + 4.0, "limit-text", &words);
        }
        self.y = bottom + GAP;
    }

    fn axis(&mut self, case: &Case, scale: &Scale) {
        self.line("axis", (LEFT, self.y), (scale.end(), self.y));
        self.label(self.y + 16.0, "tick");
        let (mut free, mut last) = (LEFT - 20.0, None);
        for (index, step) in case.steps.iter().enumerate() {
            if last == Some(step.at) {
                continue;
            }
            let x = scale.step(index);
            self.line("axis", (x, self.y), (x, self.y + 4.0));
            let words = step.at.to_string();
            let half = words.len() as f64 * LETTER / 2.0;
            if x - half > free {
                self.text(x, self.y + 16.0, "small middle", &words);
                free = x + half + 4.0;
            }
            last = Some(step.at);
        }
        self.y += 20.0;
    }

    /// Explains only the marks that occur.
    fn legend(&mut self, calls: &[Call]) {
        let names = [
            (Mark::Success, "success"),
            (Mark::Failure, "failure"),
            (Mark::Neutral, "ignored or cancelled"),
            (Mark::Refused, "refused"),
        ];
        self.y += 16.0;
        let mut x = LEFT + 6.0;
        let plain = |mark| Call { from: 0.0, to: 0.0, mark, slow: false, stale: false };
        let mut entries: Vec<(Call, &str)> = Vec::new();
        for (mark, name) in names {
            if calls.iter().any(|call| call.mark == mark) {
                entries.push((plain(mark), name));
            }
        }
        if calls.iter().any(|call| call.slow) {
            entries.push((Call { slow: true, ..plain(Mark::Success) }, "slow"));
        }
        if calls.iter().any(|call| call.stale) {
            entries.push((Call { stale: true, ..plain(Mark::Success) }, "too late to count"));
        }
        for (call, name) in entries {
            self.mark(&call, x, self.y - 4.0);
            self.text(x + 10.0, self.y, "small", name);
            x += 30.0 + name.len() as f64 * LETTER;
        }
        self.y += 2.0;
    }

    fn finish(self, title: &str) -> String {
        let (width, height) = (self.width.ceil(), (self.y + MARGIN).ceil());
        let card = Rectangle::new()
            .set("class", "card")
            .set("x", 0.5)
            .set("y", 0.5)
            .set("width", width - 1.0)
            .set("height", height - 1.0)
            .set("rx", 8);
        let document = Document::new()
            .set("viewBox", (0, 0, width, height))
            .set("width", width)
            .set("height", height)
            .set("role", "img")
            .add(Title::new(title))
            .add(Style::new(include_str!("draw/style.css")))
            .add(card)
            .add(self.group);
        format!("{document}\n")
    }
}

/// A coordinate to a tenth of a pixel: precise enough, and short.
fn rounded(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}

/// The configuration, summarized in one line.
fn summary(config: &Config) -> String {
    let mut parts: Vec<String> = Vec::new();
    match config.window {
        Window::Count { size } => parts.push(format!("last {size} calls")),
        Window::Time { size, buckets: 1 } => parts.push(format!("each {size} ticks")),
        Window::Time { size, buckets } => {
            parts.push(format!("last {size} ticks in {buckets} buckets"));
        }
        Window::Consecutive {} => {}
    }
    parts.extend(config.leaky_bucket.map(|LeakyBucket { up, down, limit }| {
        format!("a failure adds {up}, a success takes {down} off, trips at {limit}")
    }));
    let mut add =
        |value: Option<f64>, words: &dyn Fn(f64) -> String| parts.extend(value.map(words));
    add(config.consecutive_failures.map(f64::from), &|n| format!("trips at {n} failures in a row"));
    add(config.failure_count.map(f64::from), &|n| format!("trips at {n} failures"));
    add(config.failure_rate, &|n| format!("trips at {n} % failures"));
    let after = config.slow_after.unwrap_or(0);
    add(config.slow_rate, &|n| format!("trips at {n} % slower than {after} ticks"));
    add(config.min_calls.map(f64::from), &|n| format!("from {n} calls on"));
    let mut words = parts.join(", ");
    if let Some(throttle) = config.throttle {
        let times = f64::from(throttle.multiplier_tenths) / 10.0;
        let _ = write!(words, "; {times} calls for each that is accepted");
        let _ = write!(words, ", at most {} % refused", throttle.cap);
        return words;
    }
    let _ = write!(words, "; open for {} ticks", config.open_for);
    if let Some(backoff) = config.backoff {
        let _ = write!(words, ", times {} each time", backoff.factor);
        let _ = backoff.max.map(|max| write!(words, " up to {max}"));
    }
    if let Some(jitter) = config.jitter {
        let _ = write!(words, ", longer by up to {} %", jitter.percent);
    }
    let HalfOpen { permits, rule, need, of, max_wait, max_wait_to, reprobe_every, .. } =
        &config.half_open;
    if *permits > 1 {
        let _ = match (rule, need, of) {
            (Rule::NeedOf, Some(need), Some(of)) => {
                write!(words, "; closes at {need} of {of} probes")
            }
            _ => write!(words, "; {permits} probes"),
        };
    }
    let _ = max_wait.filter(|&wait| wait > 0).map(|wait| {
        let to = if *max_wait_to == Some(MaxWaitTo::Closed) { "closed" } else { "open" };
        write!(words, "; half-open for {wait} ticks at most, then {to}")
    });
    let _ = reprobe_every.map(|ticks| write!(words, "; fresh probes each {ticks} ticks"));
    if let Some(ramp) = &config.ramp {
        let shares: Vec<_> = ramp.shares.iter().map(u8::to_string).collect();
        let _ = write!(words, "; closes by {} %, {} ticks each", shares.join(", "), ramp.step);
    }
    words
}

/// Breaks `text` between words into lines of at most this many letters.
fn wrap(text: &str, letters: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        if !line.is_empty() && (line.len() + word.len() + 1) as f64 > letters {
            lines.push(word.into());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}
