//! A terminal of its own for a program under test: what was drawn on it, and how it was left.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::patience::{wait_for, wait_until};

/// A program on a terminal. Killed when dropped.
pub struct OnTerminal {
    child: Child,
    keyboard: Option<File>,
    line: OwnedFd,
    before: Termios,
    drawn: Arc<Mutex<Vec<u8>>>,
    is_closed: Arc<AtomicBool>,
}

impl OnTerminal {
    /// Starts a program on a terminal of so many columns and lines, which is the one that its process belongs to.
    ///
    /// # Panics
    /// When the system has no terminal or no such program.
    #[track_caller]
    pub fn start(command: &Command, (columns, lines): (u16, u16)) -> Self {
        let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None).expect("a terminal can be made");
        // Copies are closed in children, these are not: a terminal that a child holds open is never closed.
        let [master, slave] = [master, slave].map(|end| end.try_clone().expect("a second handle"));
        let end = || Stdio::from(slave.try_clone().expect("a second handle"));
        let mut setsid = Command::new("setsid");
        setsid.arg("--ctty").arg(command.get_program()).args(command.get_args());
        setsid.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        setsid.env("TERM", "xterm-256color").env("RUST_BACKTRACE", "0");
        let before = tcgetattr(&slave).expect("it has modes");
        let child = setsid.stdin(end()).stdout(end()).stderr(end()).spawn().expect("it can be run");
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let is_closed = Arc::new(AtomicBool::new(false));
        let (mut screen, kept) = (File::from(master.try_clone().expect("a second handle")), drawn.clone());
        let ends = is_closed.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(&bytes[..read]);
                if ends.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        Self { child, keyboard: Some(File::from(master)), line: slave, before, drawn, is_closed }
    }

    /// All bytes that were written to it.
    pub fn drawn(&self) -> String {
        let drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&drawn).into_owned()
    }

    /// The words that were written to it. A program leaves out the spaces of an empty line and moves on instead.
    pub fn words(&self) -> String {
        let drawn = self.drawn();
        let mut parts = drawn.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        let after = parts.filter_map(|part| part.split_once(|end: char| end.is_ascii_alphabetic()));
        let words = after.fold(first, |words, (_, text)| words + " " + text);
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until some words were written to it.
    #[track_caller]
    pub fn wait_for(&self, words: &str) {
        wait_until(&format!("{words:?} on the terminal"), || self.words().contains(words));
    }

    /// Presses keys.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().expect("it is open");
        keyboard.write_all(keys.as_bytes()).expect("they are taken");
    }

    /// Closes it, as a window is closed.
    pub fn close(&mut self) {
        self.keyboard = None;
        // The thread that reads has the other handle: it is woken, and lets go of it.
        self.is_closed.store(true, Ordering::SeqCst);
        let line = self.line.try_clone().expect("a second handle");
        let _ = File::from(line).write_all(b" ");
    }

    /// Makes it another size.
    #[track_caller]
    pub fn resize(&self, columns: u16, lines: u16) {
        let mut stty = Command::new("stty");
        stty.args(["cols", &columns.to_string(), "rows", &lines.to_string()]);
        let line = self.line.try_clone().expect("a second handle");
        assert!(stty.stdin(line).status().expect("stty is there").success());
    }

    /// Sends a signal to the program.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are small");
        kill(Pid::from_raw(id), signal).expect("it runs");
    }

    /// Waits until the program has ended.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the program ends", || child.try_wait().expect("a child can be waited for"))
    }

    /// Claims that the modes are as they were, that no other screen is shown, and that the cursor is.
    #[track_caller]
    pub fn assert_as_found(&self) {
        assert_eq!(tcgetattr(&self.line).expect("it has modes"), self.before);
        let last = |one: &str| self.drawn().rfind(one);
        for (on, off) in [("\u{1b}[?1049h", "\u{1b}[?1049l"), ("\u{1b}[?25l", "\u{1b}[?25h")] {
            wait_until(&format!("{off:?} after {on:?}"), || last(on).is_none() || last(on) < last(off));
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
