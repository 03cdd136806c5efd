//! The terminal while it is drawn on: given back as it was found, however that ends.

use std::io::{self, Write, stdout};
use std::sync::mpsc::Sender;
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{DefaultTerminal, Terminal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Time limit of the drawing thread to end at a signal: a terminal that takes no output holds it up.
const END_LIMIT: Duration = Duration::from_millis(500);
/// The exit status of a panic, as Rust has it.
const PANICKED: i32 = 101;

/// The screen, taken until dropped.
pub struct Screen(pub DefaultTerminal);

impl Screen {
    /// Takes the terminal that standard output is. A panic of any thread gives it back and ends the program:
    /// what others draw afterwards would be drawn on what is not theirs.
    ///
    /// # Errors
    /// When there is no terminal, or it does not obey.
    pub fn take() -> io::Result<Self> {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _nobody_draws = stdout().lock();
            give_back();
            hook(panic);
            std::process::exit(PANICKED);
        }));
        enable_raw_mode()?;
        let taken = || {
            execute!(stdout(), EnterAlternateScreen)?;
            Terminal::new(CrosstermBackend::new(stdout()))
        };
        taken().map(Self).inspect_err(|_| give_back())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Errors are ignored: the terminal may be gone.
fn give_back() {
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = stdout().flush();
}

/// Sends the first signal that is to end the program. The drawing thread then gives the screen back and calls
/// [`end_by`]; if that takes too long, it is done here.
pub fn send_signals<T: Send + 'static>(sender: Sender<T>, message: fn(i32) -> T) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGQUIT, SIGINT])?;
    std::thread::spawn(move || {
        let Some(signal) = signals.forever().next() else { return };
        if sender.send(message(signal)).is_ok() {
            std::thread::sleep(END_LIMIT);
        }
        let _ = disable_raw_mode();
        end_by(signal);
    });
    Ok(())
}

/// Ends the program as a signal without a handler does, so that its parent sees the reason.
pub fn end_by(signal: i32) -> ! {
    let _ = emulate_default_handler(signal);
    std::process::exit(128 + signal)
}
