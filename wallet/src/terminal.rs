//! Secrets typed at the terminal: nothing is shown, and the terminal's modes are put back however the
//! program ends.
//!
//! Lines are edited by the terminal itself, as everywhere else, and only the echo is off. Signals that would
//! end or stop the program are taken by a thread that puts the modes back first.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, Termios, tcflush, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Bytes of the longest line that a terminal hands over.
const LONGEST_LINE: usize = 4096;
/// What a person at a terminal, a closed one, or another program ends or stops this one with.
const SIGNALS: [Signal; 5] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTSTP];

/// The terminal's modes, as long as a secret is asked for.
static MODES: Mutex<Option<Modes>> = Mutex::new(None);

struct Modes {
    terminal: File,
    found: Termios,
    hidden: Termios,
}

/// No line could be read from the terminal.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// Standard input is something else.
    #[error("standard input is not a terminal")]
    None,
    /// The system denied access to the terminal.
    #[error("the terminal cannot be used: {0}")]
    Io(#[from] io::Error),
    /// The input was ended instead.
    #[error("the input ended")]
    Ended,
    /// The terminal sends another encoding.
    #[error("what was typed is not UTF-8 text")]
    NotText,
}

/// The terminal while it shows nothing of what is typed; dropped, it is as it was found.
pub struct Hidden {
    terminal: File,
}

impl Hidden {
    /// Turns the echo off.
    pub fn open() -> Result<Self, TerminalError> {
        if !io::stdin().is_terminal() {
            return Err(TerminalError::None);
        }
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        let found = tcgetattr(&terminal).map_err(io::Error::from)?;
        let mut hidden = found.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        hidden.local_flags.insert(LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG);
        watch_signals()?;
        let mut modes = modes();
        tcsetattr(&terminal, SetArg::TCSANOW, &hidden).map_err(io::Error::from)?;
        *modes = Some(Modes { terminal: terminal.try_clone()?, found, hidden });
        Ok(Self { terminal })
    }

    /// Asks, and reads one line without its end.
    pub fn ask(&mut self, question: &str) -> Result<Zeroizing<String>, TerminalError> {
        self.terminal.write_all(question.as_bytes())?;
        // The terminal hands over a whole line at once.
        let mut line = Zeroizing::new([0; LONGEST_LINE]);
        let length = loop {
            match self.terminal.read(line.as_mut()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        let line = line.get(..length).filter(|line| !line.is_empty()).ok_or(TerminalError::Ended)?;
        let line = std::str::from_utf8(line).map_err(|_| TerminalError::NotText)?;
        Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Forgets what was typed or pasted beyond the last line that was read.
    pub fn forget_the_rest(&mut self) {
        let _ = tcflush(&self.terminal, FlushArg::TCIFLUSH);
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(modes) = modes().take() {
            let _ = tcsetattr(&modes.terminal, SetArg::TCSANOW, &modes.found);
        }
    }
}

fn modes() -> MutexGuard<'static, Option<Modes>> {
    MODES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the first question on, signals are blocked in all threads but one, which waits for them.
fn watch_signals() -> io::Result<()> {
    static WATCHED: OnceLock<()> = OnceLock::new();
    if WATCHED.get().is_some() {
        return Ok(());
    }
    let signals: SigSet = SIGNALS.into_iter().collect();
    signals.thread_block()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || watch(&signals))?;
    WATCHED.get_or_init(|| ());
    Ok(())
}

fn watch(signals: &SigSet) {
    while let Ok(signal) = signals.wait() {
        let modes = modes();
        if let Some(modes) = &*modes {
            let _ = tcsetattr(&modes.terminal, SetArg::TCSANOW, &modes.found);
            let _ = (&modes.terminal).write_all(b"\n");
        }
        // Now the signal does what it always does.
        let _ = signals.thread_unblock();
        let _ = raise(signal);
        let _ = signals.thread_block();
        // Still here: the signal is ignored, or the program was stopped and goes on now.
        if let Some(modes) = &*modes {
            let _ = tcsetattr(&modes.terminal, SetArg::TCSANOW, &modes.hidden);
        }
    }
}
