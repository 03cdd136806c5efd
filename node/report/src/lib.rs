//! Reports: a run, shown to a person as pictures, tables and a page, in a directory of its own.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};

use cairn_simulator::report::Report;

use canvas::PictureError;
use seeds::Summary;

pub mod canvas;
pub mod chart;
pub mod distribution;
pub mod figures;
pub mod fork_tree;
pub mod html;
pub mod page;
pub mod palette;
pub mod pictures;
pub mod print;
pub mod seeds;
pub mod seeds_page;
pub mod steps;
pub mod tables;
pub mod telling;
pub mod words;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The system refused.
    #[error("cannot write {}; is it a directory that you may write to?", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A picture could not be drawn.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The report could not be written as JSON.
    #[error("the report cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Writes a run's report into a directory, which is made if need be: `report.json`, its tables as
/// CSV, its pictures as SVG and `index.html`. The same run gives the same bytes. `replay` is the
/// command that plays it again.
///
/// # Errors
/// When a file cannot be written or a picture not be drawn.
pub fn write(report: &Report, directory: &Path, replay: Option<&str>) -> Result<(), ReportError> {
    let pictures = pictures::pictures(report)?;
    make(directory)?;
    write_file(directory, "report.json", &(serde_json::to_string(report)? + "\n"))?;
    for (name, text) in tables::tables(report) {
        write_file(directory, name, &text)?;
    }
    for picture in &pictures {
        write_file(directory, picture.file, &picture.svg)?;
    }
    write_file(directory, "index.html", &page::run_page(report, &pictures, replay))
}

/// Writes what many seeds came to into a directory, which is made if need be: `seeds.csv`,
/// `summary.json` and `index.html`.
///
/// # Errors
/// When a file cannot be written or a picture not be drawn.
pub fn write_seeds(summary: &Summary, directory: &Path) -> Result<(), ReportError> {
    let page = seeds_page::seeds_page(summary)?;
    make(directory)?;
    write_file(directory, "summary.json", &(serde_json::to_string(summary)? + "\n"))?;
    write_file(directory, "seeds.csv", &seeds_page::seeds_csv(summary))?;
    write_file(directory, "index.html", &page)
}

/// Makes the directory of a report, if need be.
///
/// # Errors
/// When it cannot be made.
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
