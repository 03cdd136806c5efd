//! The distribution of a figure over many runs, with the confidence interval of its mean.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Figures are rounded to one part of this. The last digits of statrs' quantiles, which come from the
/// standard library's logarithms, differ between machines, and a report must not.
const PARTS: f64 = 1e6;

/// The distribution of a sample, in figures with six decimals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// Number of runs that have the figure.
    pub runs: usize,
    pub mean: f64,
    /// Half the 95 % confidence interval of the mean; none for a single run.
    pub confidence: Option<f64>,
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Distribution {
    /// The distribution of a sample; none if that is empty.
    pub fn of(sample: &[f64]) -> Option<Self> {
        let mut sorted = sample.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let runs = sorted.len();
        let mean = sorted.iter().sum::<f64>() / runs as f64;
        let upper = sorted[runs / 2];
        let median = if runs.is_multiple_of(2) { f64::midpoint(sorted[runs / 2 - 1], upper) } else { upper };
        let squares: f64 = sorted.iter().map(|figure| (figure - mean) * (figure - mean)).sum();
        Some(Self {
            runs,
            mean: rounded(mean),
            confidence: confidence(squares, runs).map(rounded),
            median: rounded(median),
            min: rounded(min),
            max: rounded(max),
        })
    }
}

fn rounded(figure: f64) -> f64 {
    (figure * PARTS).round() / PARTS
}

/// Half the 95 % interval of a mean, by Student's t-distribution.
fn confidence(squares: f64, runs: usize) -> Option<f64> {
    let freedom = runs.checked_sub(1).filter(|freedom| *freedom > 0)? as f64;
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let error = (squares / freedom / runs as f64).sqrt();
    Some(student.inverse_cdf(0.975) * error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_that_of_students_table() {
        // t(0.975, 4) = 2.776; the deviation of 1..=5 is the root of 2.5.
        let sample = Distribution::of(&[5.0, 1.0, 2.0, 4.0, 3.0]).expect("a sample");
        assert_eq!((sample.mean, sample.median, sample.min, sample.max), (3.0, 3.0, 1.0, 5.0));
        let expected = 2.776 * (2.5_f64 / 5.0).sqrt();
        assert!((sample.confidence.expect("five runs") - expected).abs() < 1e-3);
    }

    #[test]
    fn what_is_written_has_six_decimals() {
        let sample = Distribution::of(&[1.0, 2.0, 2.0]).expect("a sample");
        let written = serde_json::to_string(&sample).expect("figures");
        // t(0.975, 2) = 4.302653; the deviation of the mean is a third.
        let expected = r#"{"runs":3,"mean":1.666667,"confidence":1.434218,"median":2.0,"min":1.0,"max":2.0}"#;
        assert_eq!(written, expected);
    }

    #[test]
    fn one_run_has_no_interval_and_none_has_no_distribution() {
        assert_eq!(Distribution::of(&[2.0]).expect("a sample").confidence, None);
        assert_eq!(Distribution::of(&[]), None);
    }
}
