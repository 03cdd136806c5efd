//! The end of a program: one exit status for each kind of outcome, and the last message.
//!
//! "Not done" and "done, but something after it failed" must never look alike: after the first, a person does
//! it again, and pays twice.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use cairn_core::text::with_causes;
use serde_json::{Map, Value};

/// The exit statuses, for the programs' long help.
pub const HELP: &str = "Exit status:
  0  done
  1  not done; standard error says why (with --json, the key \"error\" on standard output)
  2  the arguments are invalid
  3  done, or perhaps done, and something after it failed, or undid it: standard error begins
     with what was done; look before you do it again";

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The command is done.
    Done = 0,
    /// The command has changed nothing.
    NotDone = 1,
    /// The arguments are invalid (the parser of arguments ends with this status too).
    Usage = 2,
    /// The command is done, or perhaps done, and something after it failed.
    DoneBut = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Something failed after the command was done, or may have been done.
#[derive(Debug, thiserror::Error)]
#[error("{done}: {source}")]
pub struct AfterDone {
    done: String,
    facts: Map<String, Value>,
    source: Box<dyn Error + Send + Sync>,
}

impl AfterDone {
    /// What was done, in words and as the keys of a JSON object, and what failed then.
    pub fn new(
        done: impl Into<String>,
        facts: Value,
        failure: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let facts = match facts {
            Value::Object(facts) => facts,
            other => Map::from_iter([("done".to_owned(), other)]),
        };
        Self { done: done.into(), facts, source: failure.into() }
    }
}

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub struct OutputError(#[from] io::Error);

/// Whether this process has begun to write its answer: a second JSON value must not follow the first.
static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Writes a command's answer, and a line end, to standard output.
///
/// # Errors
/// When not all of it could be written.
pub fn answer(text: impl Display) -> Result<(), OutputError> {
    ANSWERED.store(true, Ordering::Relaxed);
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Answers for programs or for people, of something that was done. Where the answer cannot be written, the
/// error says that it was done; where it goes nowhere, standard error says it.
///
/// # Errors
/// [`AfterDone`] with these words, and the answer for programs as its facts.
pub fn answer_done(
    json: bool,
    value: Value,
    text: impl Display,
    done: impl Into<String>,
) -> Result<(), AfterDone> {
    let done = done.into();
    if check_output().is_err() {
        say(&done);
    }
    let written = if json { answer(&value) } else { answer(text) };
    written.map_err(|error| AfterDone::new(done, value, error))
}

/// Rejects a standard output that was closed when the program started: the runtime opens `/dev/null` in its
/// place, for reading and writing. A shell's `>/dev/null` is open for writing alone. Some programs that
/// start others open it for both (Python's `subprocess.DEVNULL`), so this is an error only where what is
/// written must be seen.
///
/// # Errors
/// When nothing that is written can be read.
pub fn check_output() -> Result<(), OutputError> {
    const READ_WRITE: u32 = 2;
    let info = std::fs::read_to_string("/proc/self/fdinfo/1").unwrap_or_default();
    let flags =
        info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    match is_answer_lost() && flags.is_some_and(|flags| flags & 3 == READ_WRITE) {
        true => Err(io::Error::new(io::ErrorKind::NotConnected, "it is closed").into()),
        false => Ok(()),
    }
}

/// Whether answers go nowhere: `>/dev/null`, or standard output was closed, which the runtime replaces by that.
pub fn is_answer_lost() -> bool {
    std::fs::read_link("/proc/self/fd/1").is_ok_and(|target| target == Path::new("/dev/null"))
}

/// Writes a line to standard error. If that fails, the command goes on all the same.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Ends a command: says what failed, if anything did, and chooses the exit status.
pub fn end(program: &str, json: bool, failure: Option<&(dyn Error + 'static)>) -> Exit {
    // What is still buffered counts too.
    let flushed = io::stdout().flush().map_err(OutputError);
    let error: &(dyn Error + 'static) = match (failure, &flushed) {
        (Some(error), _) => error,
        (None, Err(error)) => error,
        (None, Ok(())) => return Exit::Done,
    };
    if is_reader_gone(error) {
        return Exit::Done;
    }
    let after = find::<AfterDone>(error);
    let sentence = with_causes(error);
    let mut object = after.map(|after| after.facts.clone()).unwrap_or_default();
    object.insert("error".to_owned(), Value::from(sentence.as_str()));
    let is_read = json && !ANSWERED.load(Ordering::Relaxed) && !is_answer_lost();
    let is_told = is_read && answer(Value::Object(object)).is_ok();
    if !is_told || after.is_some() {
        say(format_args!("{program}: {sentence}"));
    }
    if after.is_some() { Exit::DoneBut } else { Exit::NotDone }
}

/// Whether only the reader of an answer went away, having seen enough, as `head -1` does: no reason to
/// complain. An error of a command that changed something says so itself and is another type.
fn is_reader_gone(error: &(dyn Error + 'static)) -> bool {
    let output = error.downcast_ref::<OutputError>().map(|output| &output.0);
    let cause = output.or_else(|| error.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn find<'a, T: Error + 'static>(mut error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    loop {
        match error.downcast_ref() {
            Some(found) => return Some(found),
            None => error = error.source()?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the payment could not be looked up: {0}")]
    struct Around(#[source] AfterDone);

    #[test]
    fn what_failed_after_it_was_done_has_a_status_of_its_own_wherever_it_is_wrapped() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let after = || AfterDone::new("the payment is on its way", serde_json::json!({}), broken());
        assert_eq!(end("test", false, Some(&after())), Exit::DoneBut);
        assert_eq!(end("test", false, Some(&Around(after()))), Exit::DoneBut);
        assert_eq!(end("test", false, Some(&io::Error::from(io::ErrorKind::NotFound))), Exit::NotDone);
        assert_eq!(end("test", false, Some(&OutputError(broken()))), Exit::Done);
    }
}
