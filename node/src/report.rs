//! Reports: a run, shown to a person as pictures, tables and a page.

pub mod canvas;
pub mod chart;
pub mod palette;
