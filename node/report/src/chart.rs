//! Charts: series of figures over others, as lines or as points with error bars, written as SVG.
//!
//! ```
//! use cairn_report::chart::{Axis, Chart, Point, Series, Style};
//!
//! let theory = (1..=50).map(|percent| (f64::from(percent), f64::from(percent)));
//! let measured = [Point::new(33.0, 36.1).between(35.2, 37.0)];
//! let svg = Chart::new("Revenue", Axis::linear("hash rate, %"), Axis::linear("blocks, %"))
//!     .with(Series::new(Style::Line, "honest", theory))
//!     .with(Series::new(Style::Points, "measured", measured))
//!     .to_svg();
//! assert!(svg.starts_with("<svg"));
//! ```

use crate::format::decimal;
use crate::palette::{self, Colour, FAINT, GRID, INK};
use crate::svg::{self, Anchor, Annotation, LegendEntry, Pixel, ROW, Svg, Symbol};
use scale::{Scale, Spacing};

pub mod scale;

/// Width of a chart, in pixels.
const WIDTH: i32 = 960;
/// Height of a chart whose legend has the usual number of rows, in pixels.
const HEIGHT: i32 = 480;
/// Rows of a legend for which the height has space.
const USUAL_LEGEND_ROWS: i32 = 2;
/// Pixels below, at the left and at the right of the data.
const BELOW: i32 = 54;
const LEFT: i32 = 84;
const RIGHT: i32 = 24;
/// Where the legend begins, in pixels from the top.
const TOP: i32 = 36;

/// The label, spacing and ends of an axis.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    label: String,
    spacing: Spacing,
    low: Option<f64>,
    high: Option<f64>,
}

impl Axis {
    /// An axis on which equal differences are equally long.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// An axis on which equal ratios are equally long. Figures that are not above zero are left out.
    pub fn logarithmic(label: impl Into<String>) -> Self {
        Self { spacing: Spacing::Logarithmic, ..Self::linear(label) }
    }

    /// The same axis with fixed ends, instead of round figures around the data.
    #[must_use]
    pub fn from_to(self, low: f64, high: f64) -> Self {
        Self { low: Some(low), high: Some(high), ..self }
    }

    /// The same axis with a fixed lower end.
    #[must_use]
    pub fn from(self, low: f64) -> Self {
        Self { low: Some(low), ..self }
    }
}

/// A figure over another, with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    /// Lower end of the interval; `y` when there is none.
    pub low: f64,
    /// Upper end of the interval; `y` when there is none.
    pub high: f64,
}

impl Point {
    /// A point without an interval.
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y, low: y, high: y }
    }

    /// The same point with an interval, which is drawn as an error bar.
    #[must_use]
    pub const fn between(self, low: f64, high: f64) -> Self {
        Self { low, high, ..self }
    }
}

impl From<(f64, f64)> for Point {
    fn from((x, y): (f64, f64)) -> Self {
        Self::new(x, y)
    }
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A line from point to point.
    Line,
    /// A dashed line from point to point.
    DashedLine,
    /// A line on which each figure holds until the next one.
    Steps,
    /// Single points, with error bars where they have an interval.
    Points,
}

/// Figures of one kind.
#[derive(Clone, Debug)]
pub struct Series {
    style: Style,
    name: String,
    points: Vec<Point>,
}

impl Series {
    /// A series. One without a name has no entry in the legend.
    pub fn new<P: Into<Point>>(
        style: Style,
        name: impl Into<String>,
        points: impl IntoIterator<Item = P>,
    ) -> Self {
        Self { style, name: name.into(), points: points.into_iter().map(Into::into).collect() }
    }

    fn symbol(&self, number: usize) -> Symbol {
        match self.style {
            Style::Line | Style::Steps => Symbol::Line,
            Style::DashedLine => Symbol::DashedLine,
            Style::Points => {
                // Where colours begin again, symbols do not.
                let turn = (number + palette::round_of(number)) % 4;
                [Symbol::Disc, Symbol::Square, Symbol::Triangle, Symbol::Ring][turn]
            }
        }
    }
}

/// A chart: a title, two axes, series and annotations.
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    annotations: Vec<(f64, String)>,
}

impl Chart {
    /// A chart without series.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), x, y, series: Vec::new(), annotations: Vec::new() }
    }

    /// The same chart with one more series. Colours and symbols follow the order of series.
    #[must_use]
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// The same chart with a labelled vertical line.
    #[must_use]
    pub fn with_annotation(mut self, x: f64, label: impl Into<String>) -> Self {
        self.annotations.push((x, label.into()));
        self
    }

    /// The picture. The same chart gives the same text.
    pub fn to_svg(&self) -> String {
        let (legend, height) = (self.legend(), self.height());
        let points = || self.series.iter().flat_map(|series| &series.points);
        let over: Vec<f64> = points().map(|point| point.x).collect();
        let figures: Vec<f64> = points().flat_map(|point| [point.y, point.low, point.high]).collect();
        let scale = |figures: &[f64], axis: &Axis| Scale::around(figures, axis.low, axis.high, axis.spacing);
        let x = scale(&over, &self.x).between(LEFT, WIDTH - RIGHT);
        let annotations = self.annotations(&x);
        let below_legend = TOP + svg::legend_rows(&legend, WIDTH) * ROW;
        let top = below_legend + svg::annotation_rows(&annotations) * ROW + ROW / 2;
        let y = scale(&figures, &self.y).between(height - BELOW, top.min(height - BELOW - 40));

        let mut svg = Svg::new(WIDTH, height);
        self.draw_axes(&mut svg, &x, &y);
        svg.title(&self.title);
        svg.legend(&legend, TOP);
        svg.annotations(&annotations, below_legend, y.first);
        for (number, series) in self.series.iter().enumerate() {
            draw_series(&mut svg, series, number, &x, &y);
        }
        if points().next().is_none() {
            svg.text("nothing to show", (x.middle(), y.middle()), FAINT, Anchor::Middle);
        }
        svg.finish()
    }

    /// A long legend makes the picture higher, and the data no smaller.
    fn height(&self) -> i32 {
        HEIGHT + (svg::legend_rows(&self.legend(), WIDTH) - USUAL_LEGEND_ROWS).max(0) * ROW
    }

    fn annotations(&self, x: &Scale) -> Vec<Annotation> {
        let shown = self.annotations.iter().filter(|(at, _)| x.holds(*at));
        let mut annotations: Vec<Annotation> =
            shown.map(|(at, label)| Annotation { x: x.pixel(*at), label: label.clone() }).collect();
        annotations.sort_by_key(|annotation| annotation.x);
        annotations
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let named = self.series.iter().enumerate().filter(|(_, series)| !series.name.is_empty());
        let entry = |(number, series): (usize, &Series)| LegendEntry {
            symbol: series.symbol(number),
            colour: palette::series(number),
            name: series.name.clone(),
        };
        named.map(entry).collect()
    }

    fn draw_axes(&self, svg: &mut Svg, x: &Scale, y: &Scale) {
        for figure in x.round_figures(90) {
            let at = x.pixel(figure);
            svg.line(&[(at, y.last), (at, y.first)], GRID, 1);
            svg.text(&decimal(figure, 6), (at, y.first + 14), FAINT, Anchor::Middle);
        }
        for figure in y.round_figures(48) {
            let at = y.pixel(figure);
            svg.line(&[(x.first, at), (x.last, at)], GRID, 1);
            svg.text(&decimal(figure, 6), (x.first - 8, at), FAINT, Anchor::End);
        }
        svg.line(&[(x.first, y.last), (x.first, y.first), (x.last, y.first)], FAINT, 1);
        svg.text(&self.x.label, (x.middle(), y.first + BELOW - 16), INK, Anchor::Middle);
        svg.upright(&self.y.label, (18, y.middle()), INK);
    }
}

fn draw_series(svg: &mut Svg, series: &Series, number: usize, x: &Scale, y: &Scale) {
    let colour = palette::series(number);
    let holds = |point: &&Point| x.holds(point.x) && y.holds(point.y);
    let mut pixels: Vec<Pixel> = Vec::new();
    for point in series.points.iter().filter(holds) {
        pixels.push((x.pixel(point.x), y.pixel(point.y)));
        draw_error_bar(svg, x.pixel(point.x), y.pixel(point.low), y.pixel(point.high), colour);
    }
    match series.style {
        Style::Line => svg.line(&pixels, colour, 2),
        Style::DashedLine => svg.dashed_line(&pixels, colour, 2),
        Style::Steps => {
            let corner = |pair: &[Pixel]| [pair[0], (pair[1].0, pair[0].1)];
            let mut corners: Vec<Pixel> = pixels.windows(2).flat_map(corner).collect();
            corners.extend(pixels.last());
            corners.dedup();
            svg.line(&corners, colour, 2);
        }
        Style::Points => pixels.iter().for_each(|at| svg.symbol(series.symbol(number), *at, colour)),
    }
}

fn draw_error_bar(svg: &mut Svg, x: i32, low: i32, high: i32, colour: Colour) {
    if low != high {
        svg.line(&[(x, low), (x, high)], colour, 1);
        for end in [low, high] {
            svg.line(&[(x - 4, end), (x + 4, end)], colour, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        Chart::new("<b>&\"", Axis::logarithmic("x"), Axis::linear("y").from(0.0))
            .with(Series::new(Style::Line, "line", [(1.0, 2.0), (10.0, 3.0), (0.0, 9.0), (f64::NAN, 1.0)]))
            .with(Series::new(Style::Points, "points", [Point::new(3.0, 2.5).between(2.0, 3.0)]))
            .with_annotation(5.0, "partition")
    }

    #[test]
    fn titles_cannot_break_out_of_a_picture_and_the_same_chart_gives_the_same_text() {
        let svg = chart().to_svg();
        assert!(!svg.contains("<b>"), "{svg}");
        assert!(svg.contains("&lt;b&gt;"));
        assert_eq!(svg, chart().to_svg());
    }

    #[test]
    fn a_long_legend_makes_the_picture_higher_and_no_two_of_its_entries_are_alike() {
        let points =
            |number: usize| Series::new(Style::Points, format!("group {number}"), [(number as f64, 1.0)]);
        let of = |count: usize| {
            (0..count).fold(Chart::new("x", Axis::linear("x"), Axis::linear("y")), |chart, number| {
                chart.with(points(number))
            })
        };
        assert_eq!(of(9).height(), HEIGHT);
        assert!(of(48).height() > 500);
        let symbols: Vec<_> = of(48).legend().into_iter().map(|entry| (entry.symbol, entry.colour)).collect();
        for (number, entry) in symbols.iter().enumerate() {
            assert!(!symbols[..number].contains(entry), "{number}");
        }
    }

    #[test]
    fn a_chart_without_figures_says_so() {
        let empty = Chart::new("empty", Axis::logarithmic("x"), Axis::linear("y"));
        assert!(empty.to_svg().contains("nothing to show"));
    }
}
