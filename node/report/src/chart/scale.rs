//! The scale of an axis: figures in even or in equal ratios, and the round figures on it.
//!
//! Logarithms and powers are libm's: those of the standard library differ between machines, and a report
//! is the same to the byte on each.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// Kinds of scales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spacing {
    /// Equal differences are equally long.
    #[default]
    Even,
    /// Equal ratios are equally long; only figures above zero have a place.
    Logarithmic,
}

/// From one figure to another.
#[derive(Clone, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    spacing: Spacing,
}

impl Scale {
    /// A scale that holds all these figures; its ends are those wanted, or round ones.
    pub fn around(figures: &[f64], wanted: (Option<f64>, Option<f64>), spacing: Spacing) -> Self {
        let has_place = |figure: &f64| figure.is_finite() && (spacing == Spacing::Even || *figure > 0.0);
        let placed = || figures.iter().copied().filter(has_place);
        let least = placed().fold(f64::INFINITY, f64::min);
        let most = placed().fold(f64::NEG_INFINITY, f64::max);
        let (least, most) = match (least <= most, spacing) {
            (true, _) => (least, most),
            (false, Spacing::Even) => (0.0, 1.0),
            (false, Spacing::Logarithmic) => (1.0, 10.0),
        };
        let (low, high) = match spacing {
            Spacing::Even => {
                let step = round_step((most - least).max(most.abs() * 1e-3).max(1e-9) / 5.0);
                ((least / step).floor() * step, (most / step).ceil() * step)
            }
            Spacing::Logarithmic => (
                round_ratios().rev().find(|round| *round <= least * 1.001).unwrap_or(least),
                round_ratios().find(|round| *round >= most * 0.999).unwrap_or(most),
            ),
        };
        let low = wanted.0.filter(has_place).unwrap_or(low);
        let high = wanted.1.filter(has_place).unwrap_or(high);
        let high = match (high > low, spacing) {
            (true, _) => high,
            (false, Spacing::Even) => low + low.abs().max(1.0) * 0.1,
            (false, Spacing::Logarithmic) => low * 10.0,
        };
        Self { low, high, spacing }
    }

    /// Whether a figure has a place on it.
    pub fn holds(&self, figure: f64) -> bool {
        let slack = (self.high - self.low) * 1e-9;
        figure.is_finite() && figure >= self.low - slack && figure <= self.high + slack
    }

    /// Round figures on it, about so many.
    pub fn round_figures(&self, about: usize) -> Vec<f64> {
        let inside = |figure: &f64| self.holds(*figure);
        match self.spacing {
            Spacing::Even => {
                let step = round_step((self.high - self.low) / about.max(1) as f64);
                let first = (self.low / step - 1e-6).ceil();
                (0..=about * 4).map(|number| (first + number as f64) * step).take_while(inside).collect()
            }
            Spacing::Logarithmic => {
                let all: Vec<f64> = round_ratios().filter(inside).collect();
                let tens: Vec<f64> = all.iter().copied().filter(|figure| is_power_of_ten(*figure)).collect();
                let few = if all.len() <= about || tens.len() < 2 { all } else { tens };
                let every = few.len().div_ceil(about.max(1));
                few.into_iter().step_by(every.max(1)).collect()
            }
        }
    }

    fn part(&self, figure: f64) -> f64 {
        match self.spacing {
            Spacing::Even => (figure - self.low) / (self.high - self.low),
            Spacing::Logarithmic => libm::log(figure / self.low) / libm::log(self.high / self.low),
        }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, figure: &f64, (from, to): (i32, i32)) -> i32 {
        let part = self.part(*figure).clamp(-1.0, 2.0);
        from + (f64::from(to - from) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        self.round_figures(hint.bold_points().min(hint.max_num_points()))
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, figure: &f64) -> String {
        in_words(*figure)
    }
}

/// A figure of an axis, as short as it can be told.
pub fn in_words(figure: f64) -> String {
    let size = figure.abs();
    let plain = |figure: f64, places: usize| {
        let text = format!("{figure:.places$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    };
    match size {
        _ if size < 1e-12 => "0".into(),
        _ if !(1e-4..1e7).contains(&size) => format!("{figure:e}"),
        _ if size >= 1e6 => format!("{} M", plain(figure / 1e6, 3)),
        _ if size >= 1e4 => format!("{} k", plain(figure / 1e3, 3)),
        _ => plain(figure, 6),
    }
}

/// The least of 1, 2 and 5 times a power of ten that is no less.
pub fn round_step(about: f64) -> f64 {
    let ten = power_of_ten(libm::log10(about).floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * ten >= about * (1.0 - 1e-9));
    ten * times.unwrap_or(10.0)
}

/// A power of ten, to the last bit: those below one as quotients, for whose label no digit is left over.
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
    fn even_scales_end_at_round_figures_and_logarithmic_ones_leave_out_what_is_not_above_zero() {
        let even = Scale::around(&[3.0, 97.0, f64::NAN], (None, None), Spacing::Even);
        assert_eq!(even.range(), 0.0..100.0);
        assert_eq!(even.round_figures(5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let ratios = Scale::around(&[0.0, 3.0, 900.0], (None, None), Spacing::Logarithmic);
        assert_eq!(ratios.range(), 2.0..1000.0);
        assert_eq!(ratios.round_figures(4), [10.0, 100.0, 1000.0]);
    }

    #[test]
    fn one_figure_or_none_has_a_scale_too() {
        for figures in [&[][..], &[5.0], &[0.0], &[-3.0]] {
            for spacing in [Spacing::Even, Spacing::Logarithmic] {
                let range = Scale::around(figures, (None, None), spacing).range();
                assert!(range.start < range.end, "{figures:?} {range:?}");
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

    #[test]
    fn figures_are_told_short() {
        let told = [0.0, 0.05, 20.0, 2_500.0, 25_000.0, 1e6, 3e9].map(in_words);
        assert_eq!(told, ["0", "0.05", "20", "2500", "25 k", "1 M", "3e9"]);
    }
}
