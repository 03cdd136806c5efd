//! Pages: a head with the style that every page of a report has, and tables of facts.

use crate::figures::Fact;
use crate::format::escaped;
use crate::palette;

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

/// Facts as a table. It breaks long values, and scrolls by itself where the page is too narrow for it.
pub fn facts(facts: &[Fact]) -> String {
    let row = |Fact { name, value }: &Fact| {
        format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(value))
    };
    let rows: String = facts.iter().map(row).collect();
    format!("<div class=\"scroll\"><table class=\"names\">\n{rows}</table></div>\n")
}
