//! A time-based window whose number of buckets is known only at run time.

use microbreaker::{
    Config, ConfigError, Tally, TimeWindow,
    window::{Kind, Reach, Record, Tenure, Window},
};

/// The most buckets a window can have.
pub const MOST_BUCKETS: u32 = 126;

/// A [`TimeWindow`] with any number of buckets. It is behind a pointer, so that the
/// breaker is not compiled once per number.
pub struct AnyTimeWindow<const CALLS: bool>(Box<dyn DynWindow>);

/// [`Window`], but with the clock behind a pointer.
trait DynWindow {
    fn check(&self, bucket: u32) -> Result<(), ConfigError>;
    fn record(&self, tenure: Tenure<'_>, reach: &DynReach<'_>, call: Record) -> Option<Tally>;
    fn tally(&self, tenure: Tenure<'_>, reach: &DynReach<'_>) -> Tally;
    fn begin(&self, tenure: Tenure<'_>, reach: &DynReach<'_>);
}

type DynReach<'a> = Reach<&'a dyn Fn() -> u32>;

impl<const BUCKETS: usize, const CALLS: bool> DynWindow for TimeWindow<BUCKETS, CALLS> {
    fn check(&self, bucket: u32) -> Result<(), ConfigError> {
        Config::new().failures_in_window(1).open_for(1).bucket(bucket).check::<Self>()
    }

    fn record(&self, tenure: Tenure<'_>, reach: &DynReach<'_>, call: Record) -> Option<Tally> {
        Window::record(self, tenure, reach, call)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &DynReach<'_>) -> Tally {
        Window::tally(self, tenure, reach)
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &DynReach<'_>) {
        Window::begin(self, tenure, reach);
    }
}

impl<const CALLS: bool> AnyTimeWindow<CALLS> {
    /// An empty window of 1 to [`MOST_BUCKETS`] buckets.
    ///
    /// # Panics
    ///
    /// If the number is outside that range.
    pub fn new(buckets: u32) -> Self {
        macro_rules! table {
            ($($count:literal)+) => {
                match buckets {
                    $($count => Box::new(TimeWindow::<$count, CALLS>::new()) as Box<dyn DynWindow>,)+
                    other => panic!("a time-based window has 1 to {MOST_BUCKETS} buckets, not {other}"),
                }
            };
        }
        Self(table! {
            1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
            33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61
            62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90
            91 92 93 94 95 96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114
            115 116 117 118 119 120 121 122 123 124 125 126
        })
    }

    /// Checks that the buckets can be `bucket` ticks long.
    pub(crate) fn check(&self, bucket: u32) -> Result<(), ConfigError> {
        self.0.check(bucket)
    }
}

/// `reach` with its clock behind a pointer.
fn with_dyn_clock(reach: &Reach<impl Fn() -> u32>) -> DynReach<'_> {
    let Reach { last_calls, bucket, leak, ref now } = *reach;
    Reach { last_calls, bucket, leak, now }
}

impl<const CALLS: bool> Window for AnyTimeWindow<CALLS> {
    // As of the windows inside; the number of buckets only limits how long a bucket can be: see `check`.
    const KIND: Kind = Kind::Time { buckets: 1, calls: CALLS, capacity: 512 };

    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        self.0.record(tenure, &with_dyn_clock(reach), call)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        self.0.tally(tenure, &with_dyn_clock(reach))
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.0.begin(tenure, &with_dyn_clock(reach));
    }
}
