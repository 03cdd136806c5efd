//! What all pictures are drawn on: an SVG of whole pixels, its texts, its legend and its marks.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, FontTransform, RGBColor, TextStyle};

use crate::palette::{self, FAINT, INK, PAPER};
use crate::words::harmless;

/// Sizes of letters, in pixels.
const TITLE: u32 = 17;
/// All but titles.
pub const TEXT: u32 = 13;
/// The height of a row of text.
pub const ROW: i32 = 20;
/// Rows of labels of marks; what does not fit into them is a line without a label.
const MARK_ROWS: usize = 4;
/// A page shows so many pixels at once: of a wider picture the legend stays in sight.
const LEGEND_WIDTH: i32 = 940;
/// The most letters of a mark's label.
const MARK_LETTERS: usize = 28;

/// The picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the picture cannot be drawn")]
pub struct PictureError(#[from] DrawingAreaErrorKind<std::io::Error>);

/// A place in pixels, from the left and from above.
pub type Pixel = (i32, i32);

/// Where a text stands, seen from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It begins there.
    Right,
    /// It ends there.
    Left,
    /// Its middle is there.
    Middle,
}

/// What stands before a name in a legend, or at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A line.
    Line,
    /// A broken line.
    Dashes,
    /// A filled circle.
    Disc,
    /// A circle.
    Ring,
    /// A filled square.
    Square,
    /// A filled triangle.
    Triangle,
}

/// An entry of a legend.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What stands before the name.
    pub sign: Sign,
    /// Its colour.
    pub colour: RGBColor,
    /// The name.
    pub name: String,
}

/// An upright line at some time or figure, and what it says.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Where, in pixels from the left.
    pub x: i32,
    /// What happened there.
    pub label: String,
}

/// A picture under way.
pub struct Canvas<'a> {
    drawing: DrawingArea<SVGBackend<'a>, Shift>,
    width: u32,
}

/// Draws a picture of this size.
///
/// # Errors
/// When the drawing fails.
pub fn picture(
    (width, height): (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), PictureError>,
) -> Result<String, PictureError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        area.fill(&PAPER)?;
        let canvas = Canvas { drawing: area, width };
        draw(&canvas)?;
        canvas.drawing.present()?;
    }
    Ok(text)
}

/// About how many pixels a text is wide: no font is at hand, and each reader's is another.
pub fn width_of(text: &str) -> i32 {
    let letters = i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 100);
    letters * 7
}

/// A text of no more than so many letters.
pub fn shortened(text: &str, letters: usize) -> String {
    match text.chars().count() > letters {
        true => text.chars().take(letters.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// How many rows a legend takes in a picture of this width.
pub fn legend_rows(entries: &[Entry], width: u32) -> i32 {
    legend_places(entries, width).last().map_or(0, |(_, row)| row + 1)
}

/// How many rows the labels of marks take.
pub fn mark_rows(marks: &[Mark]) -> i32 {
    label_rows(marks).into_iter().flatten().map(|row| row as i32 + 1).max().unwrap_or(0)
}

impl<'a> Canvas<'a> {
    /// What plotters draws on.
    pub const fn drawing(&self) -> &DrawingArea<SVGBackend<'a>, Shift> {
        &self.drawing
    }

    /// The title, on top.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn title(&self, text: &str) -> Result<(), PictureError> {
        let plain = style(TITLE, INK, Side::Right);
        let style = TextStyle { font: plain.font.clone().style(FontStyle::Bold), ..plain };
        Ok(self.drawing.draw(&Text::new(harmless(text), (16, 18), style))?)
    }

    /// A text.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn text(&self, text: &str, at: Pixel, colour: RGBColor, side: Side) -> Result<(), PictureError> {
        Ok(self.drawing.draw(&Text::new(harmless(text), at, style(TEXT, colour, side)))?)
    }

    /// A text that reads upwards, its middle there.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn upright(&self, text: &str, at: Pixel, colour: RGBColor) -> Result<(), PictureError> {
        let style = style(TEXT, colour, Side::Middle).transform(FontTransform::Rotate270);
        Ok(self.drawing.draw(&Text::new(harmless(text), at, style))?)
    }

    /// A line through all these places.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn line(&self, places: &[Pixel], colour: RGBColor, width: u32) -> Result<(), PictureError> {
        if places.len() < 2 {
            return Ok(());
        }
        Ok(self.drawing.draw(&PathElement::new(places.to_vec(), palette::line(colour, width)))?)
    }

    /// The same, broken.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn dashes(&self, places: &[Pixel], colour: RGBColor, width: u32) -> Result<(), PictureError> {
        for dash in dashes(places) {
            self.line(&dash, colour, width)?;
        }
        Ok(())
    }

    /// A filled rectangle between two corners.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn area(&self, from: Pixel, to: Pixel, colour: RGBColor) -> Result<(), PictureError> {
        Ok(self.drawing.draw(&Rectangle::new([from, to], palette::filled(colour)))?)
    }

    /// A sign whose middle is there.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn sign(&self, sign: Sign, (x, y): Pixel, colour: RGBColor) -> Result<(), PictureError> {
        let (filled, area) = (palette::filled(colour), &self.drawing);
        match sign {
            Sign::Line => return self.line(&[(x - 9, y), (x + 9, y)], colour, 2),
            Sign::Dashes => return self.dashes(&[(x - 9, y), (x + 9, y)], colour, 2),
            Sign::Disc => area.draw(&Circle::new((x, y), 4, filled))?,
            Sign::Ring => {
                area.draw(&Circle::new((x, y), 4, palette::filled(PAPER)))?;
                area.draw(&Circle::new((x, y), 4, palette::line(colour, 2)))?;
            }
            Sign::Square => area.draw(&Rectangle::new([(x - 4, y - 4), (x + 4, y + 4)], filled))?,
            Sign::Triangle => {
                area.draw(&Polygon::new(vec![(x, y - 5), (x + 5, y + 4), (x - 5, y + 4)], filled))?;
            }
        }
        Ok(())
    }

    /// The legend, from this height on.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn legend(&self, entries: &[Entry], top: i32) -> Result<(), PictureError> {
        for (entry, (x, row)) in entries.iter().zip(legend_places(entries, self.width)) {
            let y = top + row * ROW + ROW / 2;
            self.sign(entry.sign, (x + 9, y), entry.colour)?;
            self.text(&entry.name, (x + 24, y), INK, Side::Right)?;
        }
        Ok(())
    }

    /// Marks: their labels between `top` and the data, their lines down to `bottom`.
    ///
    /// # Errors
    /// When the drawing fails.
    pub fn marks(&self, marks: &[Mark], top: i32, bottom: i32) -> Result<(), PictureError> {
        let rows = mark_rows(marks);
        for (mark, row) in marks.iter().zip(label_rows(marks)) {
            let y = top + row.map_or(rows, |row| row as i32) * ROW;
            self.dashes(&[(mark.x, y), (mark.x, bottom)], FAINT, 1)?;
            if row.is_some() {
                let label = shortened(&mark.label, MARK_LETTERS);
                self.text(&label, (mark.x + 4, y + ROW / 2), FAINT, Side::Right)?;
            }
        }
        Ok(())
    }
}

/// A style that plotters takes.
pub fn style(size: u32, colour: RGBColor, side: Side) -> TextStyle<'static> {
    let across = match side {
        Side::Right => HPos::Left,
        Side::Left => HPos::Right,
        Side::Middle => HPos::Center,
    };
    // plotters writes the size of a font's body, which is so much more than that of its letters.
    let size = f64::from(size) * 1.24;
    let pos = Pos::new(across, VPos::Center);
    let color = colour.to_backend_color();
    TextStyle { font: (FontFamily::SansSerif, size).into(), color, pos }
}

fn legend_places(entries: &[Entry], width: u32) -> Vec<(i32, i32)> {
    let width = i32::try_from(width).unwrap_or(i32::MAX).min(LEGEND_WIDTH);
    let (mut x, mut row) = (16, 0);
    let mut places = Vec::with_capacity(entries.len());
    for entry in entries {
        let wanted = 24 + width_of(&entry.name) + 18;
        if x > 16 && x + wanted > width {
            (x, row) = (16, row + 1);
        }
        places.push((x, row));
        x += wanted;
    }
    places
}

/// The row of each mark's label: below all that still go on where it begins, as its line would cross
/// them otherwise.
fn label_rows(marks: &[Mark]) -> Vec<Option<usize>> {
    let mut ends = [i32::MIN; MARK_ROWS];
    let place = |mark: &Mark| {
        let row = ends.iter().rposition(|end| *end > mark.x).map_or(0, |last| last + 1);
        let end = ends.get_mut(row)?;
        *end = mark.x + 8 + width_of(&shortened(&mark.label, MARK_LETTERS));
        Some(row)
    };
    marks.iter().map(place).collect()
}

/// Parts of a line, five pixels drawn and four left out.
fn dashes(places: &[Pixel]) -> Vec<[Pixel; 2]> {
    let (drawn, all) = (5.0, 9.0);
    let mut parts = Vec::new();
    // How far into a dash and its gap the line is.
    let mut phase = 0.0_f64;
    for pair in places.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (across, down) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        // Not the standard library's, which differs between machines.
        let length = libm::hypot(across, down);
        let at = |way: f64| {
            let part = if length > 0.0 { way / length } else { 0.0 };
            (from.0 + (across * part).round() as i32, from.1 + (down * part).round() as i32)
        };
        let mut way = -phase;
        while way < length {
            let (begin, end) = (way.max(0.0), (way + drawn).min(length));
            if end > begin {
                parts.push([at(begin), at(end)]);
            }
            way += all;
        }
        phase = (phase + length) % all;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_legend_of_a_wide_picture_stays_where_a_page_shows_it() {
        let entry =
            |number: usize| Entry { sign: Sign::Disc, colour: INK, name: format!("found by group {number}") };
        let entries: Vec<Entry> = (0..12).map(entry).collect();
        let ends = legend_places(&entries, 24_000).into_iter().zip(&entries);
        assert!(ends.clone().all(|((x, _), entry)| x + 24 + width_of(&entry.name) <= LEGEND_WIDTH));
        assert!(legend_rows(&entries, 24_000) > 1);
    }
}
