//! The scale of an axis: linear or logarithmic, and the round figures on it.
//!
//! Logarithms and powers are libm's: those of the standard library differ between machines, and a report
//! is the same to the byte on each.

/// How an axis maps figures to pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spacing {
    /// Equal differences are equally long.
    #[default]
    Linear,
    /// Equal ratios are equally long; figures that are not above zero cannot be shown.
    Logarithmic,
}

impl Spacing {
    fn can_show(self, figure: f64) -> bool {
        figure.is_finite() && (self == Self::Linear || figure > 0.0)
    }
}

/// A range of figures and the range of pixels that shows it.
#[derive(Clone, Debug)]
pub struct Scale {
    spacing: Spacing,
    low: f64,
    high: f64,
    /// The pixel of the lowest figure.
    pub first: i32,
    /// The pixel of the highest figure.
    pub last: i32,
}

impl Scale {
    /// A scale that holds all these figures. An end that is not given is a round figure.
    pub fn around(figures: &[f64], low: Option<f64>, high: Option<f64>, spacing: Spacing) -> Self {
        let shown = || figures.iter().copied().filter(|figure| spacing.can_show(*figure));
        let least = shown().fold(f64::INFINITY, f64::min);
        let most = shown().fold(f64::NEG_INFINITY, f64::max);
        let (least, most) = match (least <= most, spacing) {
            (true, _) => (least, most),
            (false, Spacing::Linear) => (0.0, 1.0),
            (false, Spacing::Logarithmic) => (1.0, 10.0),
        };
        let (round_low, round_high) = match spacing {
            Spacing::Linear => {
                let step = round_step((most - least).max(most.abs() * 1e-3).max(1e-9) / 5.0);
                ((least / step).floor() * step, (most / step).ceil() * step)
            }
            Spacing::Logarithmic => (
                round_ratios().rev().find(|round| *round <= least * 1.001).unwrap_or(least),
                round_ratios().find(|round| *round >= most * 0.999).unwrap_or(most),
            ),
        };
        let low = low.filter(|low| spacing.can_show(*low)).unwrap_or(round_low);
        let high = high.filter(|high| spacing.can_show(*high)).unwrap_or(round_high);
        let high = match spacing {
            _ if high > low => high,
            Spacing::Linear => low + low.abs().max(1.0) * 0.1,
            Spacing::Logarithmic => low * 10.0,
        };
        Self { spacing, low, high, first: 0, last: 0 }
    }

    /// The same scale, shown between these pixels.
    #[must_use]
    pub fn between(self, first: i32, last: i32) -> Self {
        Self { first, last, ..self }
    }

    /// Whether the range holds a figure.
    pub fn holds(&self, figure: f64) -> bool {
        let slack = (self.high - self.low) * 1e-9;
        figure.is_finite() && figure >= self.low - slack && figure <= self.high + slack
    }

    /// The pixel that shows a figure of the range.
    pub fn pixel(&self, figure: f64) -> i32 {
        let part = match self.spacing {
            Spacing::Linear => (figure - self.low) / (self.high - self.low),
            Spacing::Logarithmic => libm::log(figure / self.low) / libm::log(self.high / self.low),
        };
        self.first + (f64::from(self.last - self.first) * part.clamp(-1.0, 2.0)).round() as i32
    }

    /// The pixel in the middle.
    pub const fn middle(&self) -> i32 {
        (self.first + self.last) / 2
    }

    /// Round figures in the range, at least this many pixels apart on average.
    pub fn round_figures(&self, pixels: u32) -> Vec<f64> {
        let about = (self.first.abs_diff(self.last) / pixels).max(2) as usize;
        let inside = |figure: &f64| self.holds(*figure);
        match self.spacing {
            Spacing::Linear => {
                let step = round_step((self.high - self.low) / about as f64);
                let first = (self.low / step - 1e-6).ceil();
                (0..=about * 4).map(|number| (first + number as f64) * step).take_while(inside).collect()
            }
            Spacing::Logarithmic => {
                let all: Vec<f64> = round_ratios().filter(inside).collect();
                let tens: Vec<f64> = all.iter().copied().filter(|figure| is_power_of_ten(*figure)).collect();
                let few = if all.len() <= about || tens.len() < 2 { all } else { tens };
                let every = few.len().div_ceil(about).max(1);
                few.into_iter().step_by(every).collect()
            }
        }
    }
}

/// The least of 1, 2 and 5 times a power of ten that is no less than a figure.
pub fn round_step(figure: f64) -> f64 {
    let ten = power_of_ten(libm::log10(figure).floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * ten >= figure * (1.0 - 1e-9));
    ten * times.unwrap_or(10.0)
}

/// A power of ten, exact to the last bit. Those below one are quotients, so that no label has more digits.
fn power_of_ten(power: f64) -> f64 {
    let size = libm::pow(10.0, power.abs());
    if power < 0.0 { 1.0 / size } else { size }
}

fn round_ratios() -> impl DoubleEndedIterator<Item = f64> {
    (-12..15).flat_map(|power| [1.0, 2.0, 5.0].map(|times| times * power_of_ten(f64::from(power))))
}

fn is_power_of_ten(figure: f64) -> bool {
    let power = libm::log10(figure);
    (power - power.round()).abs() < 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_scales_end_at_round_figures_and_logarithmic_ones_leave_out_what_is_not_above_zero() {
        let linear = Scale::around(&[3.0, 97.0, f64::NAN], None, None, Spacing::Linear).between(0, 500);
        assert_eq!((linear.low, linear.high), (0.0, 100.0));
        assert_eq!(linear.round_figures(100), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let ratios = Scale::around(&[0.0, 3.0, 900.0], None, None, Spacing::Logarithmic).between(0, 400);
        assert_eq!((ratios.low, ratios.high), (2.0, 1000.0));
        assert_eq!(ratios.round_figures(100), [10.0, 100.0, 1000.0]);
    }

    #[test]
    fn one_figure_or_none_has_a_scale_too() {
        for figures in [&[][..], &[5.0], &[0.0], &[-3.0]] {
            for spacing in [Spacing::Linear, Spacing::Logarithmic] {
                let scale = Scale::around(figures, None, None, spacing);
                assert!(scale.low < scale.high, "{figures:?} {scale:?}");
            }
        }
    }

    #[test]
    fn powers_of_ten_are_what_their_digits_say() {
        for power in -22..=22 {
            let written: f64 = format!("1e{power}").parse().expect("a figure");
            assert_eq!(power_of_ten(f64::from(power)), written);
            assert!(is_power_of_ten(written), "{power}");
        }
        assert!(!is_power_of_ten(2.0));
    }
}
