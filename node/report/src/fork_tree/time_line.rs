//! The time axis of a fork tree: even where something is to be seen, short where nothing is.

/// Pixels that a shortened stretch takes, whatever its length.
pub const SHORTENED: i32 = 64;

/// A stretch of time and the pixels it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Where it begins and ends, in milliseconds.
    pub time: (u64, u64),
    /// The same in pixels.
    pub pixels: (i32, i32),
    /// Whether it is shown short.
    pub is_shortened: bool,
}

/// All stretches, without a gap between them.
#[derive(Clone, Debug)]
pub struct TimeLine {
    stretches: Vec<Stretch>,
    /// Pixels for a millisecond where time is even.
    pub scale: f64,
}

impl TimeLine {
    /// From zero to `end_ms`, even within `shown` and short elsewhere; `pixels` for all that is even,
    /// from `left` on. What is shown is sorted, and no two of it touch.
    pub fn new(shown: &[(u64, u64)], end_ms: u64, left: i32, pixels: f64) -> Self {
        let even: u64 = shown.iter().map(|(from, to)| to - from).sum();
        let scale = pixels / even.max(1) as f64;
        let mut line = Self { stretches: Vec::new(), scale };
        let mut x = left;
        let mut begin = 0;
        for (from, to) in shown {
            x = line.push((begin, *from), x, true);
            x = line.push((*from, *to), x, false);
            begin = *to;
        }
        line.push((begin, end_ms), x, true);
        line
    }

    fn push(&mut self, time: (u64, u64), x: i32, is_shortened: bool) -> i32 {
        if time.1 <= time.0 {
            return x;
        }
        let wide = match is_shortened {
            true => SHORTENED,
            false => ((time.1 - time.0) as f64 * self.scale).round() as i32,
        };
        self.stretches.push(Stretch { time, pixels: (x, x + wide), is_shortened });
        x + wide
    }

    /// Its stretches.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The place of a time.
    pub fn place(&self, at_ms: u64) -> i32 {
        let Some(stretch) = self.at(at_ms) else { return 0 };
        let (from, to) = stretch.time;
        let part = (at_ms.clamp(from, to) - from) as f64 / (to - from) as f64;
        stretch.pixels.0 + (f64::from(stretch.pixels.1 - stretch.pixels.0) * part).round() as i32
    }

    /// Whether a time is where time is even.
    pub fn shows(&self, at_ms: u64) -> bool {
        self.at(at_ms).is_some_and(|stretch| !stretch.is_shortened)
    }

    /// Where it ends.
    pub fn right(&self) -> i32 {
        self.stretches.last().map_or(0, |stretch| stretch.pixels.1)
    }

    fn at(&self, at_ms: u64) -> Option<&Stretch> {
        let next = self.stretches.partition_point(|stretch| stretch.time.1 < at_ms);
        self.stretches.get(next).or(self.stretches.last())
    }
}

/// Spans of time in order, those joined that touch or of which `is_close` says so.
pub fn joined(mut spans: Vec<(u64, u64)>, is_close: impl Fn(u64, u64) -> bool) -> Vec<(u64, u64)> {
    spans.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some((_, end)) if from <= *end || is_close(*end, from) => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_even_where_it_is_shown_and_short_elsewhere() {
        let line = TimeLine::new(&[(0, 100), (1_000, 1_100)], 5_000, 10, 200.0);
        assert_eq!([0, 50, 100].map(|at| line.place(at)), [10, 60, 110]);
        assert_eq!([1_000, 1_100].map(|at| line.place(at)), [110 + SHORTENED, 210 + SHORTENED]);
        assert_eq!(line.place(9_000), line.right());
        assert_eq!([50, 500, 1_050, 3_000].map(|at| line.shows(at)), [true, false, true, false]);
    }

    #[test]
    fn spans_that_touch_are_one() {
        let spans = vec![(50, 60), (0, 10), (5, 20), (24, 30)];
        assert_eq!(joined(spans, |end, begin| begin - end < 5), [(0, 30), (50, 60)]);
    }
}
