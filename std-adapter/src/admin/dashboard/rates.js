// Calls a second, from the counts that the server tells.

const SPAN = 5 * 60_000;      // ms that charts show
const SMOOTHED = 5_000;       // ms that a figure looks back, at least
const CLOSEST = 500;          // ms between samples, at least

// In a chart, from the bottom to the top.
const OUTCOMES = ["successes", "ignored", "failures", "rejections"];

class Rates {
  samples = [];

  add(at, counts) {
    const last = this.samples.at(-1);
    // The breaker was built anew, or the clock was set.
    if (last && (at < last.at || OUTCOMES.some(of => counts[of] < last.counts[of]))) this.samples = [];
    else if (last && at - last.at < CLOSEST) return;
    this.samples.push({ at, counts });
    while (this.samples.length > 2 && this.samples[1].at < at - SPAN) this.samples.shift();
  }

  // What happened between samples: [{from, to, rates}], the oldest first.
  intervals() {
    return this.samples.slice(1).map((sample, i) => Rates.between(this.samples[i], sample));
  }

  // The rates now, or nothing if that is not known yet.
  now() {
    const last = this.samples.at(-1);
    const before = this.samples.findLast(({ at }) => at <= last.at - SMOOTHED) ?? this.samples[0];
    return this.samples.length < 2 ? undefined : Rates.between(before, last).rates;
  }

  static between(one, other) {
    const seconds = (other.at - one.at) / 1_000;
    const rates = Object.fromEntries(
      OUTCOMES.map(of => [of, (other.counts[of] - one.counts[of]) / seconds]));
    return { from: one.at, to: other.at, rates };
  }
}

const sum = rates => OUTCOMES.reduce((sum, of) => sum + rates[of], 0);
