//! Charts: series of figures over others as lines or as points with bars, written as SVG.
//!
//! ```
//! use cairn_node::report::chart::{Axis, Chart, Point, Series};
//!
//! let theory = (1..=50).map(|percent| (f64::from(percent), f64::from(percent)));
//! let measured = [Point::new(33.0, 36.1).between(35.2, 37.0)];
//! let svg = Chart::new("Revenue", Axis::even("hash rate, %"), Axis::even("blocks, %"))
//!     .with(Series::line("honest", theory))
//!     .with(Series::points("measured", measured))
//!     .to_svg()
//!     .expect("a picture in memory");
//! assert!(svg.starts_with("<svg"));
//! ```

use plotters::chart::ChartBuilder;
use plotters::coord::ranged1d::Ranged;
use plotters::style::{RGBColor, TRANSPARENT};

use crate::canvas::{self, Canvas, Entry, Mark, Pixel, ROW, Side, Sign, TEXT};
use crate::palette::{self, FAINT, GRID, INK};
use scale::{Scale, Spacing};

pub use crate::canvas::PictureError;

pub mod scale;

/// What is left free below, at the left and at the right of the data.
const BELOW: i32 = 54;
const LEFT: i32 = 84;
const RIGHT: i32 = 24;
/// Where things begin below the title.
const TOP: i32 = 36;
/// Rows of a legend that a chart's height has room for.
const USUAL_LEGEND_ROWS: i32 = 2;

/// One axis.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    label: String,
    spacing: Spacing,
    low: Option<f64>,
    high: Option<f64>,
}

impl Axis {
    /// Equal differences are equally long.
    pub fn even(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// Equal ratios are equally long. Figures that are not above zero are left out.
    pub fn logarithmic(label: impl Into<String>) -> Self {
        Self { label: label.into(), spacing: Spacing::Logarithmic, ..Self::default() }
    }

    /// With its ends there, and not around the data.
    #[must_use]
    pub fn from_to(self, low: f64, high: f64) -> Self {
        Self { low: Some(low), high: Some(high), ..self }
    }

    /// With its lower end there.
    #[must_use]
    pub fn from(self, low: f64) -> Self {
        Self { low: Some(low), ..self }
    }
}

/// A figure over another, with the interval it is believed to lie in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Over which.
    pub x: f64,
    /// The figure.
    pub y: f64,
    /// The interval's lower end.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
}

impl Point {
    /// A point without interval.
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y, low: None, high: None }
    }

    /// The same with an interval, which is drawn as a bar.
    #[must_use]
    pub const fn between(self, low: f64, high: f64) -> Self {
        Self { low: Some(low), high: Some(high), ..self }
    }
}

impl From<(f64, f64)> for Point {
    fn from((x, y): (f64, f64)) -> Self {
        Self::new(x, y)
    }
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Line,
    Dashes,
    Steps,
    Points,
}

/// Figures of one kind.
#[derive(Clone, Debug)]
pub struct Series {
    name: String,
    style: Style,
    points: Vec<Point>,
}

impl Series {
    /// From point to point.
    pub fn line<P: Into<Point>>(name: impl Into<String>, points: impl IntoIterator<Item = P>) -> Self {
        Self::new(name, Style::Line, points)
    }

    /// The same as a broken line, as for what theory says.
    pub fn dashes<P: Into<Point>>(name: impl Into<String>, points: impl IntoIterator<Item = P>) -> Self {
        Self::new(name, Style::Dashes, points)
    }

    /// Each figure holds until the next one.
    pub fn steps<P: Into<Point>>(name: impl Into<String>, points: impl IntoIterator<Item = P>) -> Self {
        Self::new(name, Style::Steps, points)
    }

    /// Single points, each with a bar if it has an interval.
    pub fn points<P: Into<Point>>(name: impl Into<String>, points: impl IntoIterator<Item = P>) -> Self {
        Self::new(name, Style::Points, points)
    }

    fn new<P: Into<Point>>(
        name: impl Into<String>,
        style: Style,
        points: impl IntoIterator<Item = P>,
    ) -> Self {
        Self { name: name.into(), style, points: points.into_iter().map(Into::into).collect() }
    }

    fn sign(&self, number: usize) -> Sign {
        match self.style {
            Style::Line | Style::Steps => Sign::Line,
            Style::Dashes => Sign::Dashes,
            Style::Points => {
                // Where colours begin again, signs do not.
                let turn = (number + palette::round_of(number)) % 4;
                [Sign::Disc, Sign::Square, Sign::Triangle, Sign::Ring][turn]
            }
        }
    }
}

/// A chart: a title, two axes, and what is drawn between them.
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    marks: Vec<(f64, String)>,
    size: (u32, u32),
}

impl Chart {
    /// Without series yet, 960 pixels wide and 480 high.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), x, y, series: Vec::new(), marks: Vec::new(), size: (960, 480) }
    }

    /// With one series more. Colours and signs follow the order; a single series without a name has
    /// no legend.
    #[must_use]
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// With an upright line and what it says.
    #[must_use]
    pub fn with_mark(mut self, x: f64, label: impl Into<String>) -> Self {
        self.marks.push((x, label.into()));
        self
    }

    /// Of another size, in pixels; no less than 320 by 240.
    #[must_use]
    pub fn sized(mut self, width: u32, height: u32) -> Self {
        self.size = (width.max(320), height.max(240));
        self
    }

    /// The picture. The same chart gives the same text.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn to_svg(&self) -> Result<String, PictureError> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let over: Vec<f64> = points().map(|point| point.x).collect();
        let figures: Vec<f64> =
            points().flat_map(|point| [Some(point.y), point.low, point.high]).flatten().collect();
        let x = Scale::around(&over, (self.x.low, self.x.high), self.x.spacing);
        let y = Scale::around(&figures, (self.y.low, self.y.high), self.y.spacing);
        canvas::picture(self.whole_size(), |canvas| self.draw(canvas, &x, &y))
    }

    /// A long legend makes the picture higher, and the data no smaller.
    fn whole_size(&self) -> (u32, u32) {
        let rows = canvas::legend_rows(&self.entries(), self.size.0) - USUAL_LEGEND_ROWS;
        (self.size.0, self.size.1 + (rows * ROW).max(0) as u32)
    }

    fn draw(&self, canvas: &Canvas<'_>, x: &Scale, y: &Scale) -> Result<(), PictureError> {
        let (width, height) = self.whole_size();
        let (width, height) = (width as i32, height as i32);
        let entries = self.entries();
        let across = (LEFT, width - RIGHT);
        let mut marks: Vec<Mark> = self
            .marks
            .iter()
            .filter(|(at, _)| x.holds(*at))
            .map(|(at, label)| Mark { x: x.map(at, across), label: label.clone() })
            .collect();
        marks.sort_by_key(|mark| mark.x);
        let below_legend = TOP + canvas::legend_rows(&entries, self.size.0) * ROW;
        let top = below_legend + canvas::mark_rows(&marks) * ROW + ROW / 2;
        let down = (height - BELOW, top.min(height - BELOW - 40));
        self.draw_axes(canvas, (x, across), (y, down))?;
        canvas.title(&self.title)?;
        canvas.legend(&entries, TOP)?;
        canvas.marks(&marks, below_legend, down.0)?;
        let place = |over: f64, figure: f64| (x.map(&over, across), y.map(&figure, down));
        for (number, series) in self.series.iter().enumerate() {
            let holds = |point: &&Point| x.holds(point.x) && y.holds(point.y);
            let points: Vec<Point> = series.points.iter().filter(holds).copied().collect();
            draw_series(canvas, &points, series, number, &place)?;
        }
        if self.series.iter().all(|series| series.points.is_empty()) {
            let middle = ((across.0 + across.1) / 2, (down.0 + down.1) / 2);
            canvas.text("nothing to show", middle, FAINT, Side::Middle)?;
        }
        Ok(())
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |(number, series): (usize, &Series)| Entry {
            sign: series.sign(number),
            colour: palette::series(number),
            name: series.name.clone(),
        };
        let all = self.series.iter().enumerate().filter(|(_, series)| !series.name.is_empty());
        all.map(entry).collect()
    }

    fn draw_axes(
        &self,
        canvas: &Canvas<'_>,
        (x, across): (&Scale, (i32, i32)),
        (y, down): (&Scale, (i32, i32)),
    ) -> Result<(), PictureError> {
        let (width, height) = self.whole_size();
        let (width, height) = (width as i32, height as i32);
        let mut chart = ChartBuilder::on(canvas.drawing())
            .margin_top(down.1)
            .margin_bottom(height - down.0 - 24)
            .margin_left(across.0 - 64)
            .margin_right(width - across.1)
            .x_label_area_size(24)
            .y_label_area_size(64)
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .axis_style(palette::line(FAINT, 1))
            .bold_line_style(palette::line(GRID, 1))
            .light_line_style(TRANSPARENT)
            .label_style(canvas::style(TEXT, FAINT, Side::Middle))
            .x_labels(((across.1 - across.0) / 90).max(2) as usize)
            .y_labels(((down.0 - down.1) / 48).max(2) as usize)
            .draw()?;
        let (middle, low) = ((across.0 + across.1) / 2, height - 16);
        canvas.text(&self.x.label, (middle, low), INK, Side::Middle)?;
        canvas.upright(&self.y.label, (18, (down.0 + down.1) / 2), INK)
    }
}

fn draw_series(
    canvas: &Canvas<'_>,
    points: &[Point],
    series: &Series,
    number: usize,
    place: &impl Fn(f64, f64) -> Pixel,
) -> Result<(), PictureError> {
    let colour = palette::series(number);
    let places: Vec<Pixel> = points.iter().map(|point| place(point.x, point.y)).collect();
    for point in points {
        let bar = [point.low, point.high].map(|end| place(point.x, end.unwrap_or(point.y)));
        if bar[0] != bar[1] {
            draw_bar(canvas, bar, colour)?;
        }
    }
    match series.style {
        Style::Line => canvas.line(&places, colour, 2),
        Style::Dashes => canvas.dashes(&places, colour, 2),
        Style::Steps => {
            let corner = |pair: &[Pixel]| [pair[0], (pair[1].0, pair[0].1)];
            let mut corners: Vec<Pixel> = places.windows(2).flat_map(corner).collect();
            corners.extend(places.last());
            corners.dedup();
            canvas.line(&corners, colour, 2)
        }
        Style::Points => places.iter().try_for_each(|at| canvas.sign(series.sign(number), *at, colour)),
    }
}

fn draw_bar(canvas: &Canvas<'_>, [low, high]: [Pixel; 2], colour: RGBColor) -> Result<(), PictureError> {
    canvas.line(&[low, high], colour, 1)?;
    [low, high].iter().try_for_each(|(x, y)| canvas.line(&[(x - 4, *y), (x + 4, *y)], colour, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        Chart::new("<b>&\"", Axis::logarithmic("x"), Axis::even("y").from(0.0))
            .with(Series::line("line", [(1.0, 2.0), (10.0, 3.0), (0.0, 9.0), (f64::NAN, 1.0)]))
            .with(Series::points("points", [Point::new(3.0, 2.5).between(2.0, 3.0)]))
            .with_mark(5.0, "cut")
    }

    #[test]
    fn titles_cannot_break_out_of_a_picture_and_the_same_chart_gives_the_same_text() {
        let svg = chart().to_svg().expect("a picture");
        assert!(!svg.contains("<b>"), "{svg}");
        assert!(svg.contains("&lt;b&gt;"));
        assert_eq!(svg, chart().to_svg().expect("a picture"));
    }

    #[test]
    fn a_long_legend_makes_the_picture_higher_and_no_two_of_its_entries_are_alike() {
        let points = |number: usize| Series::points(format!("group {number}"), [(number as f64, 1.0)]);
        let of = |count: usize| {
            (0..count).fold(Chart::new("x", Axis::even("x"), Axis::even("y")), |chart, number| {
                chart.with(points(number))
            })
        };
        assert_eq!(of(9).whole_size(), (960, 480));
        assert!(of(48).whole_size().1 > 500);
        let signs: Vec<_> = of(48).entries().into_iter().map(|entry| (entry.sign, entry.colour)).collect();
        for (number, entry) in signs.iter().enumerate() {
            assert!(!signs[..number].contains(entry), "{number}");
        }
    }

    #[test]
    fn a_chart_without_figures_says_so() {
        let empty = Chart::new("empty", Axis::logarithmic("x"), Axis::even("y"));
        assert!(empty.to_svg().expect("a picture").contains("nothing to show"));
    }
}
