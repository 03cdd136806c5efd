//! The time axis of a fork tree: linear over the spans that are shown, and short between them.

use std::ops::Range;

/// Width of a shortened stretch in pixels, whatever its length in time.
pub const SHORTENED_WIDTH: i32 = 64;

/// A stretch of time, in milliseconds, and its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    pub time: Range<u64>,
    pub pixels: Range<i32>,
    pub is_shortened: bool,
}

/// Stretches of time, without a gap between them.
#[derive(Clone, Debug)]
pub struct TimeAxis {
    pub stretches: Vec<Stretch>,
    /// Pixels for a millisecond where time is linear.
    pub scale: f64,
}

impl TimeAxis {
    /// An axis from zero to `end_ms` that begins at the pixel `left`. It is linear within `shown`, which takes
    /// `width` pixels in all. The spans are sorted, and no two of them touch.
    pub fn new(shown: &[Range<u64>], end_ms: u64, left: i32, width: f64) -> Self {
        let shown_ms: u64 = shown.iter().map(|span| span.end - span.start).sum();
        let mut axis = Self { stretches: Vec::new(), scale: width / shown_ms.max(1) as f64 };
        let mut begin = 0;
        for span in shown {
            axis.push(begin..span.start, left, true);
            axis.push(span.clone(), left, false);
            begin = span.end;
        }
        axis.push(begin..end_ms, left, true);
        axis
    }

    fn push(&mut self, time: Range<u64>, left: i32, is_shortened: bool) {
        if time.is_empty() {
            return;
        }
        let linear_width = ((time.end - time.start) as f64 * self.scale).round() as i32;
        let width = if is_shortened { SHORTENED_WIDTH } else { linear_width };
        let start = self.stretches.last().map_or(left, |last| last.pixels.end);
        self.stretches.push(Stretch { time, pixels: start..start + width, is_shortened });
    }

    /// The pixel of a time.
    pub fn pixel(&self, at_ms: u64) -> i32 {
        let Some(Stretch { time, pixels, .. }) = self.at(at_ms) else { return 0 };
        let part = (at_ms.clamp(time.start, time.end) - time.start) as f64 / (time.end - time.start) as f64;
        pixels.start + (f64::from(pixels.end - pixels.start) * part).round() as i32
    }

    /// Whether the axis is linear at this time.
    pub fn shows(&self, at_ms: u64) -> bool {
        self.at(at_ms).is_some_and(|stretch| !stretch.is_shortened)
    }

    /// The pixel at its end.
    pub fn right(&self) -> i32 {
        self.stretches.last().map_or(0, |stretch| stretch.pixels.end)
    }

    fn at(&self, at_ms: u64) -> Option<&Stretch> {
        let next = self.stretches.partition_point(|stretch| stretch.time.end < at_ms);
        self.stretches.get(next).or(self.stretches.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_linear_where_it_is_shown_and_short_elsewhere() {
        let axis = TimeAxis::new(&[0..100, 1_000..1_100], 5_000, 10, 200.0);
        assert_eq!([0, 50, 100].map(|at| axis.pixel(at)), [10, 60, 110]);
        assert_eq!([1_000, 1_100].map(|at| axis.pixel(at)), [110 + SHORTENED_WIDTH, 210 + SHORTENED_WIDTH]);
        assert_eq!(axis.pixel(9_000), axis.right());
        assert_eq!([50, 500, 1_050, 3_000].map(|at| axis.shows(at)), [true, false, true, false]);
    }
}
