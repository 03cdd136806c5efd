//! What a measured number may be, given how little was measured.

use core::fmt;

use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

/// How often intervals made this way hold the true value, at least: between zero and one.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// 99 %.
    pub const P99: Self = Self(0.99);

    /// What lies beyond each end.
    fn tail(self) -> f64 {
        (1.0 - self.0) / 2.0
    }
}

/// An estimate between the ends of its confidence interval.
///
/// Printed as `0.000593 (0.000411 to 0.000830)`, with [`Interval::percent`] as
/// `0.0593 % (0.0411 to 0.0830)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The best guess.
    pub estimate: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// A proportion, from `hits` of `trials` that do not depend on each other. Exact: it holds the true
    /// value at least as often as said, for any number of trials.
    ///
    /// Source: Clopper and Pearson, "The use of confidence or fiducial limits" (1934), as quantiles of
    /// beta distributions.
    ///
    /// # Panics
    /// When there are no trials, or more hits than trials.
    pub fn of_proportion(hits: u64, trials: u64, confidence: Confidence) -> Self {
        assert!(trials > 0 && hits <= trials, "{hits} hits of {trials}");
        let (k, n) = (hits as f64, trials as f64);
        let beta = |a: f64, b: f64| Beta::new(a, b).expect("both are above zero");
        let tail = confidence.tail();
        let low = if hits == 0 { 0.0 } else { quantile(&beta(k, n - k + 1.0), tail, 1.0) };
        let high = if hits == trials { 1.0 } else { upper_quantile(&beta(k + 1.0, n - k), tail, 1.0) };
        Self { low, estimate: k / n, high }
    }

    /// A mean, from values that do not depend on each other and whose mean is near normal: Student's t.
    ///
    /// Source: Student, "The probable error of a mean" (1908).
    ///
    /// # Panics
    /// When there are fewer than two values.
    pub fn of_mean(values: &[f64], confidence: Confidence) -> Self {
        assert!(values.len() >= 2, "one value says nothing about its spread");
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let student = StudentsT::new(0.0, 1.0, count - 1.0).expect("a degree of freedom or more");
        // Two values at a level of 1 - 10^-9 reach less far.
        let reach = upper_quantile(&student, confidence.tail(), 1e9) * (variance / count).sqrt();
        Self { low: mean - reach, estimate: mean, high: mean + reach }
    }

    /// Whether a value lies in it, its ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The same in other units.
    ///
    /// # Panics
    /// When the factor is negative.
    pub fn times(&self, factor: f64) -> Self {
        assert!(factor >= 0.0, "{factor} would swap the ends");
        Self { low: self.low * factor, estimate: self.estimate * factor, high: self.high * factor }
    }

    /// In per cent, for people: `0.0593 % (0.0411 to 0.0830)`.
    pub fn percent(&self) -> String {
        self.times(100.0).in_words(" %")
    }

    fn in_words(&self, unit: &str) -> String {
        let digits = self.digits();
        let Self { low, estimate, high } = self;
        format!("{estimate:.digits$}{unit} ({low:.digits$} to {high:.digits$})")
    }

    /// Digits after the point: three that count of the estimate, or two of the interval's width where
    /// that is more.
    fn digits(&self) -> usize {
        let counting = |digits: f64, value: f64| {
            let place = value.abs().log10().floor();
            // Zero has no first digit, and below a billionth nothing here is measured.
            if place.is_finite() { (digits - 1.0 - place).clamp(0.0, 12.0) as usize } else { 0 }
        };
        counting(3.0, self.estimate).max(counting(2.0, self.high - self.low))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words(""))
    }
}

/// The place from zero to `bound` below which the probability is `tail`.
///
/// Found by halving: the search of statrs 0.19.1 does not end for some skewed distributions, such as
/// Beta(1, 10^9).
fn quantile(distribution: &impl ContinuousCDF<f64, f64>, tail: f64, bound: f64) -> f64 {
    halve(bound, |place| distribution.cdf(place) < tail)
}

/// The place from zero to `bound` above which the probability is `tail`.
fn upper_quantile(distribution: &impl ContinuousCDF<f64, f64>, tail: f64, bound: f64) -> f64 {
    halve(bound, |place| distribution.sf(place) > tail)
}

/// The place from zero to `bound` where something ends to hold, to the last bit.
fn halve(bound: f64, holds_at: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, bound);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if holds_at(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests;
