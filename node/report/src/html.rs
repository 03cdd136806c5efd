//! What every page of a report is made of: a head with its style, and tables.

use crate::palette;
use crate::words::escaped;

/// What a column of a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Words, at the left.
    Words,
    /// Figures, at the right.
    Figures,
}

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1f2328;--faint:#5b646e;--paper:#fff;--grid:#d8dde3;--shade:#f4f6f8;--met:#116329;--missed:#b3261e;--link:#0969da}
body{margin:0 auto;max-width:62rem;padding:1.2rem 1rem 3rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:break-word}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.8rem 0 .5rem}
a{color:var(--link)}.lead{margin:.2rem 0 1rem}.faint{color:var(--faint)}.met{color:var(--met)}.missed{color:var(--missed)}
.verdicts{list-style:none;padding:0;margin:0}.verdicts li{padding:.15rem 0}
figure{margin:1.2rem 0;overflow-x:auto;border:1px solid var(--grid);border-radius:6px}
figure svg{display:block;margin:0 auto}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.22rem .9rem .22rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}
th{font-weight:600;color:var(--faint)}.figure{text-align:right;white-space:nowrap}
.names td{overflow-wrap:anywhere}.names th{min-width:6.5rem}
details{margin:1.2rem 0}summary{cursor:pointer}
pre{background:var(--shade);padding:.7rem .9rem;border-radius:6px;overflow-x:auto;white-space:pre-wrap}
";

const DARK: &str = ":root{--ink:#e6edf3;--faint:#9aa4af;--paper:#0d1117;--grid:#30363d;--shade:#161b22;--met:#56d364;--missed:#ff7b72;--link:#58a6ff}\n";

/// A whole page around a body that is HTML already.
pub fn page(title: &str, body: &str) -> String {
    let dark = palette::dark_rules();
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:\">\n<title>{title}</title>\n<style>{STYLE}@media (prefers-color-scheme:dark){{\n{DARK}{dark}}}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// A table of names and figures, which breaks long ones and scrolls by itself where the page is too narrow.
pub fn table(rows: impl IntoIterator<Item = (String, String)>) -> String {
    let row = |(name, figure): (String, String)| {
        format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(&name), escaped(&figure))
    };
    let rows: String = rows.into_iter().map(row).collect();
    format!("<div class=\"scroll\"><table class=\"names\">\n{rows}</table></div>\n")
}

/// A table with a header, which scrolls by itself where the page is too narrow for it.
pub fn wide_table<const N: usize>(
    header: [(&str, Column); N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let class = |column: Column| if column == Column::Figures { " class=\"figure\"" } else { "" };
    let head: String =
        header.iter().map(|(name, column)| format!("<th{}>{}</th>", class(*column), escaped(name))).collect();
    let row = |cells: [String; N]| {
        let cell = |(cell, (_, column)): (&String, &(&str, Column))| {
            format!("<td{}>{}</td>", class(*column), escaped(cell))
        };
        let cells: String = cells.iter().zip(&header).map(cell).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = rows.into_iter().map(row).collect();
    format!("<div class=\"scroll\"><table>\n<tr>{head}</tr>\n{rows}</table></div>\n")
}
