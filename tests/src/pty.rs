//! A program at a terminal of its own, as a person runs it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::patience::LONG;

/// The shell holds the terminal when the program has ended: with its last process a terminal forgets its modes.
const SHELL: &str = r#""$0" "$@"; echo "[ended with $?]"; read -r end"#;

/// A program and the terminal that it runs at.
#[derive(Debug)]
pub struct AtTerminal {
    child: Child,
    keyboard: File,
    terminal: OwnedFd,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl AtTerminal {
    /// Runs the program with a terminal for all it reads and writes, which is also its controlling one.
    ///
    /// # Panics
    /// When there is no terminal to be had, or `setsid` of util-linux is missing.
    pub fn run(command: &Command) -> Self {
        let pair = openpty(None, None).expect("a terminal");
        let slave = || pair.slave.try_clone().expect("a descriptor");
        let mut through = Command::new("setsid");
        through.args(["--ctty", "sh", "-c", SHELL]).arg(command.get_program()).args(command.get_args());
        through.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let child = through.stdin(slave()).stdout(slave()).stderr(slave()).spawn().expect("setsid runs");
        let mut output = File::from(pair.master.try_clone().expect("a descriptor"));
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                let _ = sender.send(bytes[..length].to_vec());
            }
        });
        Self { child, keyboard: pair.master.into(), terminal: pair.slave, screen, seen: String::new() }
    }

    /// Waits until the terminal shows this; what came up to it is not looked at again.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + LONG;
        loop {
            if let Some(place) = self.seen.find(text) {
                return self.seen.drain(..place + text.len()).collect();
            }
            let bytes = self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let bytes =
                bytes.unwrap_or_else(|_| panic!("waiting for {text:?}; the terminal shows: {}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    /// Types.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("the terminal is there");
    }

    /// The terminal's modes.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn modes(&self) -> Termios {
        tcgetattr(&self.terminal).expect("the terminal is there")
    }

    /// Sends the program alone a signal.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let path = format!("/proc/{0}/task/{0}/children", self.child.id());
        let children = std::fs::read_to_string(path).expect("the shell runs");
        let id = children.trim().parse().expect("the shell runs one program");
        kill(Pid::from_raw(id), signal).expect("it runs");
    }

    /// Waits until the program has ended; gives its exit status as a shell does, 128 more than a signal.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> i32 {
        self.wait_for("[ended with ");
        let status = self.wait_for("]");
        status.trim_end_matches(']').parse().expect("a status")
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
