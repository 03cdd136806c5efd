//! Reports: a run, shown to a person as pictures, tables and a page, in a directory of its own.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};

use cairn_simulator::report::Report;

use batch::Summary;

pub mod annotations;
pub mod batch;
pub mod batch_page;
pub mod chart;
pub mod coalesce;
pub mod distribution;
pub mod figures;
pub mod fork_tree;
pub mod format;
pub mod html;
pub mod page;
pub mod palette;
pub mod pictures;
pub mod print;
pub mod svg;
pub mod table;
pub mod tables;
pub mod tree_layout;

/// The reasons why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("cannot write {}; is it a directory that you may write to?", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the report cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("the report cannot be written as CSV")]
    Csv(#[from] csv::Error),
}

/// Writes a run's report into a directory, which is made if need be: `report.json`, its tables as
/// CSV, its pictures as SVG and `index.html`. The same run gives the same bytes. `replay` is the
/// command that plays the run again.
pub fn write(report: &Report, directory: &Path, replay: Option<&str>) -> Result<(), ReportError> {
    make(directory)?;
    write_file(directory, "report.json", &(serde_json::to_string(report)? + "\n"))?;
    for (name, text) in tables::tables(report)? {
        write_file(directory, name, &text)?;
    }
    let pictures = pictures::pictures(report);
    for picture in &pictures {
        write_file(directory, picture.file, &picture.svg)?;
    }
    write_file(directory, "index.html", &page::run_page(report, &pictures, replay))
}

/// Writes the summary of many seeds into a directory, which is made if need be: as `seeds.csv`, as
/// `summary.json` and as the page `index.html`.
pub fn write_seeds(summary: &Summary, directory: &Path) -> Result<(), ReportError> {
    make(directory)?;
    write_file(directory, "summary.json", &(serde_json::to_string(summary)? + "\n"))?;
    write_file(directory, "seeds.csv", &batch_page::seeds_csv(summary)?)?;
    write_file(directory, "index.html", &batch_page::seeds_page(summary))
}

/// Makes the directory of a report, if need be.
pub fn make(directory: &Path) -> Result<(), ReportError> {
    std::fs::create_dir_all(directory)
        .map_err(|source| ReportError::Write { path: directory.to_owned(), source })
}

fn write_file(directory: &Path, name: &str, text: &str) -> Result<(), ReportError> {
    let path = directory.join(name);
    std::fs::write(&path, text).map_err(|source| ReportError::Write { path, source })
}

#[cfg(test)]
mod tests;
