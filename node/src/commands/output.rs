//! Standard output of a command that may have more to do than to write: a devnet, a run with a report.

use std::io::{self, ErrorKind, StdoutLock, Write, stderr, stdout};
use std::path::Path;

use cairn_genesis::programs::exit::{AfterDone, OutputError};
use cairn_report::print::print;
use cairn_simulator::report::Report;
use serde_json::json;

/// Standard output. Where the command has more to do, that it cannot be written is said once, on standard
/// error, and the command goes on.
#[derive(Debug)]
pub struct Output {
    has_more: bool,
    lost: Option<io::Error>,
}

impl Output {
    /// The output of a command that has more to do than to write, or not.
    pub fn new(has_more: bool) -> Self {
        Self { has_more, lost: None }
    }

    /// Writes, and hands it on at once. Where that failed before it is tried again: a disk that was full may
    /// have room by now.
    pub fn write(&mut self, write: impl FnOnce(&mut StdoutLock<'static>) -> io::Result<()>) {
        let mut out = stdout().lock();
        let outcome = write(&mut out).and_then(|()| out.flush());
        if let Err(error) = outcome
            && self.lost.is_none()
        {
            if self.has_more {
                let _ =
                    writeln!(stderr(), "cairn: cannot write to standard output ({error}); going on without");
            }
            self.lost = Some(error);
        }
    }

    /// Whether there is reason to go on.
    ///
    /// # Errors
    /// When something could not be written, and the command does nothing else.
    pub fn check(&mut self) -> io::Result<()> {
        match self.lost.take_if(|_| !self.has_more) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// What the command ends with. A reader that has gone has seen enough.
    ///
    /// # Errors
    /// When something could not be written, and its reader has not gone.
    pub fn end(self) -> anyhow::Result<()> {
        match self.lost {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(AfterDone::new("all is done", json!({}), OutputError::from(error)).into())
            }
            _ => Ok(()),
        }
    }
}

/// Prints a report for people, and says where it was written.
pub fn print_report(report: &Report, directory: Option<&Path>, out: &mut impl Write) -> io::Result<()> {
    print(report, out)?;
    say_written(directory, out)
}

/// Says where a report was written, if it was.
pub fn say_written(directory: Option<&Path>, out: &mut impl Write) -> io::Result<()> {
    match directory {
        Some(directory) => writeln!(out, "\nthe report is in {}", directory.join("index.html").display()),
        None => Ok(()),
    }
}
