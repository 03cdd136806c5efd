//! Colours of all pictures, and their replacements on a dark page.

/// A colour as SVG and CSS write it.
pub type Colour = &'static str;

/// Colour of text, axes and the final chain.
pub const INK: Colour = "#1f2328";
/// Colour of stale branches, tick labels and annotations.
pub const FAINT: Colour = "#6e7781";
/// Colour of the lines behind the data.
pub const GRID: Colour = "#e3e6ea";
/// Colour of the background.
pub const PAPER: Colour = "#ffffff";

/// Colours of series and groups; people who see few colours can tell them apart too (Okabe and Ito).
const SERIES: [Colour; 12] = [
    "#0072b2", "#d55e00", "#009e73", "#b85c98", "#c98a00", "#3d9bd1", "#8c6d31", "#7b61c9", "#c23b5e",
    "#7a8b1e", "#008b9a", "#7a7f87",
];
/// Number of groups with a colour of their own when there are more groups than colours.
pub const OWN_COLOURS: usize = SERIES.len() - 1;

/// Each colour that is hard to see on a dark page, and its replacement there.
const ON_DARK: [(Colour, Colour); 6] = [
    (INK, "#e6edf3"),
    (FAINT, "#9aa4af"),
    (GRID, "#2b3139"),
    (PAPER, "#0d1117"),
    (SERIES[0], "#58a6ff"),
    (SERIES[1], "#f0883e"),
];

/// The colour of the series with this number; after the last colour they begin again.
pub const fn series(number: usize) -> Colour {
    SERIES[number % SERIES.len()]
}

/// The colour of the group with this number; groups beyond the last colour share it.
pub fn group(number: usize) -> Colour {
    SERIES[number.min(OWN_COLOURS)]
}

/// How often colours have begun again at the series with this number.
pub const fn round_of(number: usize) -> usize {
    number / SERIES.len()
}

/// Style sheet rules that make the pictures of a page dark. They override the colours in attributes.
pub fn dark_rules() -> String {
    let rule = |(light, dark): &(Colour, Colour)| {
        format!("svg [fill=\"{light}\"]{{fill:{dark}}}svg [stroke=\"{light}\"]{{stroke:{dark}}}\n")
    };
    ON_DARK.iter().map(rule).collect()
}
