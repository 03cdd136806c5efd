//! SVG pictures in whole pixels: lines, texts, symbols, a legend and annotations.

use crate::format::{escaped, shortened};
use crate::palette::{Colour, FAINT, INK, PAPER};

/// The height of a row of text, in pixels.
pub const ROW: i32 = 20;
/// Labels of annotations take at most this many rows. Further annotations have a line without a label.
const LABEL_ROWS: usize = 4;
/// The most characters of an annotation's label.
const LABEL_CHARACTERS: usize = 28;
/// The legend of a picture that is wider than this stays within this width, which a page shows at once.
const LEGEND_WIDTH: i32 = 940;

/// A point: pixels from the left and pixels from the top.
pub type Pixel = (i32, i32);

/// Which end of a text is at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// What marks a point, and an entry of a legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    Line,
    DashedLine,
    Disc,
    Ring,
    Square,
    Triangle,
}

/// An entry of a legend.
#[derive(Clone, Debug)]
pub struct LegendEntry {
    pub symbol: Symbol,
    pub colour: Colour,
    pub name: String,
}

/// A dashed vertical line with a label.
#[derive(Clone, Debug)]
pub struct Annotation {
    pub x: i32,
    pub label: String,
}

/// A picture that is being drawn.
#[derive(Clone, Debug)]
pub struct Svg {
    text: String,
    width: i32,
}

impl Svg {
    /// An empty picture of this size.
    pub fn new(width: i32, height: i32) -> Self {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n"
        );
        let mut svg = Self { text, width };
        svg.area((0, 0), (width, height), PAPER);
        svg
    }

    /// The text of the finished picture.
    pub fn finish(self) -> String {
        self.text + "</svg>\n"
    }

    /// Writes the title into the upper left corner.
    pub fn title(&mut self, text: &str) {
        self.styled_text(text, (16, 18), INK, "font-size=\"17\" font-weight=\"bold\"");
    }

    /// Writes a text, vertically centred on a point.
    pub fn text(&mut self, text: &str, at: Pixel, colour: Colour, anchor: Anchor) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.styled_text(text, at, colour, &format!("text-anchor=\"{anchor}\""));
    }

    /// Writes a text that reads upwards, centred on a point.
    pub fn upright(&mut self, text: &str, (x, y): Pixel, colour: Colour) {
        let style = format!("text-anchor=\"middle\" transform=\"rotate(-90 {x} {y})\"");
        self.styled_text(text, (x, y), colour, &style);
    }

    fn styled_text(&mut self, text: &str, (x, y): Pixel, colour: Colour, style: &str) {
        let text = escaped(text);
        self.text +=
            &format!("<text x=\"{x}\" y=\"{y}\" dy=\"0.35em\" fill=\"{colour}\" {style}>{text}</text>\n");
    }

    /// Draws a line through all these points.
    pub fn line(&mut self, points: &[Pixel], colour: Colour, width: u32) {
        self.styled_line(points, colour, width, "");
    }

    /// Draws a dashed line through all these points.
    pub fn dashed_line(&mut self, points: &[Pixel], colour: Colour, width: u32) {
        self.styled_line(points, colour, width, " stroke-dasharray=\"5 4\"");
    }

    fn styled_line(&mut self, points: &[Pixel], colour: Colour, width: u32, style: &str) {
        if points.len() > 1 {
            let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
            self.text += &format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{style}/>\n",
                points.join(" ")
            );
        }
    }

    /// Fills the rectangle between its upper left and its lower right corner.
    pub fn area(&mut self, (left, top): Pixel, (right, bottom): Pixel, colour: Colour) {
        let (width, height) = (right - left, bottom - top);
        self.text += &format!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\"/>\n"
        );
    }

    /// Draws a symbol, centred on a point.
    pub fn symbol(&mut self, symbol: Symbol, (x, y): Pixel, colour: Colour) {
        let ends = [(x - 9, y), (x + 9, y)];
        match symbol {
            Symbol::Line => self.line(&ends, colour, 2),
            Symbol::DashedLine => self.dashed_line(&ends, colour, 2),
            Symbol::Disc => {
                self.text += &format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\"/>\n")
            }
            Symbol::Ring => {
                self.text += &format!(
                    "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{PAPER}\" stroke=\"{colour}\" stroke-width=\"2\"/>\n"
                );
            }
            Symbol::Square => self.area((x - 4, y - 4), (x + 4, y + 4), colour),
            Symbol::Triangle => {
                self.text += &format!("<path d=\"M{x},{} l5,9 h-10 z\" fill=\"{colour}\"/>\n", y - 5);
            }
        }
    }

    /// Draws a legend below this height.
    pub fn legend(&mut self, entries: &[LegendEntry], top: i32) {
        for (entry, (x, row)) in entries.iter().zip(legend_cells(entries, self.width)) {
            let y = top + row * ROW + ROW / 2;
            self.symbol(entry.symbol, (x + 9, y), entry.colour);
            self.text(&entry.name, (x + 24, y), INK, Anchor::Start);
        }
    }

    /// Draws annotations, which are in order of `x`: labels below `top`, lines down to `bottom`.
    pub fn annotations(&mut self, annotations: &[Annotation], top: i32, bottom: i32) {
        let rows = label_rows(annotations);
        let below = top + annotation_rows(annotations) * ROW;
        for (Annotation { x, label }, row) in annotations.iter().zip(rows) {
            let y = row.map_or(below, |row| top + row * ROW);
            self.dashed_line(&[(*x, y), (*x, bottom)], FAINT, 1);
            if row.is_some() {
                let label = shortened(label, LABEL_CHARACTERS);
                self.text(&label, (x + 4, y + ROW / 2), FAINT, Anchor::Start);
            }
        }
    }
}

/// The approximate width of a text in pixels. No font is at hand, and readers' fonts differ.
pub fn width_of(text: &str) -> i32 {
    i32::try_from(text.chars().count()).map_or(i32::MAX, |characters| characters.saturating_mul(7))
}

/// The number of rows that a legend takes in a picture of this width.
pub fn legend_rows(entries: &[LegendEntry], width: i32) -> i32 {
    legend_cells(entries, width).last().map_or(0, |(_, row)| row + 1)
}

/// The number of rows that the labels of annotations take.
pub fn annotation_rows(annotations: &[Annotation]) -> i32 {
    label_rows(annotations).into_iter().flatten().max().map_or(0, |row| row + 1)
}

/// The left end in pixels and the row of each entry.
fn legend_cells(entries: &[LegendEntry], width: i32) -> Vec<(i32, i32)> {
    let (mut x, mut row) = (16, 0);
    let mut cells = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry_width = 24 + width_of(&entry.name) + 18;
        if x > 16 && x + entry_width > width.min(LEGEND_WIDTH) {
            (x, row) = (16, row + 1);
        }
        cells.push((x, row));
        x += entry_width;
    }
    cells
}

/// The row of each label: below all labels that reach beyond its line, which would cross them otherwise.
fn label_rows(annotations: &[Annotation]) -> Vec<Option<i32>> {
    let mut ends = [i32::MIN; LABEL_ROWS];
    let row_of = |Annotation { x, label }: &Annotation| {
        let row = ends.iter().rposition(|end| end > x).map_or(0, |last| last + 1);
        *ends.get_mut(row)? = x + 8 + width_of(&shortened(label, LABEL_CHARACTERS));
        i32::try_from(row).ok()
    };
    annotations.iter().map(row_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_legend_of_a_wide_picture_stays_where_a_page_shows_it() {
        let entry = |number: usize| LegendEntry {
            symbol: Symbol::Disc,
            colour: INK,
            name: format!("found by group {number}"),
        };
        let entries: Vec<LegendEntry> = (0..12).map(entry).collect();
        let ends = legend_cells(&entries, 24_000).into_iter().zip(&entries);
        assert!(ends.clone().all(|((x, _), entry)| x + 24 + width_of(&entry.name) <= LEGEND_WIDTH));
        assert!(legend_rows(&entries, 24_000) > 1);
    }
}
