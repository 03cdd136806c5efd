//! How a figure is distributed over many runs, and how far its mean can be trusted.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A sample in a few figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// How many runs have the figure.
    pub runs: usize,
    /// The mean.
    pub mean: f64,
    /// The true mean lies within this of it, with 95 % confidence; nothing of one run is known.
    pub confidence: Option<f64>,
    /// Half of the runs have no more.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Distribution {
    /// Of a sample; none if that is empty.
    pub fn of(sample: &[f64]) -> Option<Self> {
        let mut sorted = sample.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let runs = sorted.len();
        let mean = sorted.iter().sum::<f64>() / runs as f64;
        let upper = sorted[runs / 2];
        let median = if runs.is_multiple_of(2) { f64::midpoint(sorted[runs / 2 - 1], upper) } else { upper };
        let squares: f64 = sorted.iter().map(|figure| (figure - mean).powi(2)).sum();
        Some(Self { runs, mean, confidence: confidence(squares, runs), median, min, max })
    }
}

/// Half the 95 % interval of a mean, after Student.
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
    fn one_run_has_no_interval_and_none_has_no_distribution() {
        assert_eq!(Distribution::of(&[2.0]).expect("a sample").confidence, None);
        assert_eq!(Distribution::of(&[]), None);
    }
}
