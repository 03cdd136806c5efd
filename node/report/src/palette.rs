//! Colours of all pictures, and what they become on a dark page.

use plotters::style::{RGBColor, ShapeStyle};

/// Text, axes and the final chain.
pub const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
/// What is of lesser weight: stale branches, axes' numbers, marks.
pub const FAINT: RGBColor = RGBColor(0x6e, 0x77, 0x81);
/// Lines behind the data.
pub const GRID: RGBColor = RGBColor(0xe3, 0xe6, 0xea);
/// What is drawn on.
pub const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// Series and groups, in turn: told apart by people who see few colours too (Okabe and Ito).
const SERIES: [RGBColor; 12] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xb8, 0x5c, 0x98),
    RGBColor(0xc9, 0x8a, 0x00),
    RGBColor(0x3d, 0x9b, 0xd1),
    RGBColor(0x8c, 0x6d, 0x31),
    RGBColor(0x7b, 0x61, 0xc9),
    RGBColor(0xc2, 0x3b, 0x5e),
    RGBColor(0x7a, 0x8b, 0x1e),
    RGBColor(0x00, 0x8b, 0x9a),
    RGBColor(0x7a, 0x7f, 0x87),
];
/// So many groups have a colour of their own when there are more than colours: further ones share the last.
pub const OWN_COLOURS: usize = SERIES.len() - 1;

/// What the first of each pair becomes on dark paper.
const ON_DARK: [(RGBColor, &str); 6] = [
    (INK, "#e6edf3"),
    (FAINT, "#9aa4af"),
    (GRID, "#2b3139"),
    (PAPER, "#0d1117"),
    (SERIES[0], "#58a6ff"),
    (SERIES[1], "#f0883e"),
];

/// The colour of the series of this number; after the last they begin again.
pub const fn series(number: usize) -> RGBColor {
    SERIES[number % SERIES.len()]
}

/// The colour of the group of this number; those beyond the last colour share it.
pub fn group(number: usize) -> RGBColor {
    SERIES[number.min(OWN_COLOURS)]
}

/// How often colours have begun again at the series of this number.
pub const fn round_of(number: usize) -> usize {
    number / SERIES.len()
}

/// A filled shape of this colour.
pub fn filled(colour: RGBColor) -> ShapeStyle {
    ShapeStyle { color: colour.into(), filled: true, stroke_width: 1 }
}

/// A line or an outline of this colour, so many pixels wide.
pub fn line(colour: RGBColor, width: u32) -> ShapeStyle {
    ShapeStyle { color: colour.into(), filled: false, stroke_width: width }
}

/// A colour as pages and pictures write it.
pub fn hex(colour: RGBColor) -> String {
    let RGBColor(red, green, blue) = colour;
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Rules of a style sheet that turn pictures in a page dark: they win over the colours that the
/// picture's elements name.
pub fn dark_rules() -> String {
    let rule = |(colour, dark): &(RGBColor, &str)| {
        let light = hex(*colour);
        format!(
            "figure svg [fill=\"{light}\"]{{fill:{dark}}}figure svg [stroke=\"{light}\"]{{stroke:{dark}}}\n"
        )
    };
    ON_DARK.iter().map(rule).collect()
}
