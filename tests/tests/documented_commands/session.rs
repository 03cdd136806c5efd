//! Runs the commands of a text as a person would, in a directory that looks like a fresh clone.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cairn_tests::patience::wait_for;
use cairn_tests::ports::Port;
use cairn_tests::process::{program, wallet};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// `cargo` as a text uses it; the programs are there already.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
"run --release -- "*) shift 3; exec cairn "$@" ;;
"build --release"*) ;;
*) echo "this test has no cargo $*" >&2; exit 99 ;;
esac
"#;

/// A clone, a home, and what runs in it.
pub struct Session {
    directory: TempDir,
    ports: [Port; 2],
    /// The devnet of the text, as in another terminal.
    devnet: Option<Running>,
}

/// A command that runs until it is stopped.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Session {
    /// In a directory of its own.
    pub fn begin(root: &Path) -> Self {
        let directory = TempDir::with_prefix("cairn-test-texts-").expect("a directory can be made");
        let place = |name: &str| directory.path().join(name);
        for name in ["bin", "home", "clone/target/release"] {
            fs::create_dir_all(place(name)).expect("a directory can be made");
        }
        for (name, built) in [("cairn", program()), ("cairn-wallet", wallet())] {
            symlink(&built, place("bin").join(name)).expect("a link can be made");
            symlink(&built, place("clone/target/release").join(name)).expect("a link can be made");
        }
        for name in ["tests", "genesis", "docs"] {
            symlink(root.join(name), place("clone").join(name)).expect("a link can be made");
        }
        let mut cargo = File::create(place("bin/cargo")).expect("a file can be made");
        cargo.write_all(CARGO.as_bytes()).expect("it is written");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        cargo.set_permissions(executable).expect("it may be run");
        Self { directory, ports: [Port::free(), Port::free()], devnet: None }
    }

    /// Runs a command to its end and returns what it told.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn run(&mut self, command: &str) -> String {
        let command = self.fill_in(command);
        let needs_devnet = ["cairn net ", "cairn top", "cairn-wallet "];
        if self.devnet.is_none() && needs_devnet.iter().any(|start| command.contains(start)) {
            self.start("cairn devnet");
        }
        let mut child = self.command(&command, asks(&command)).spawn().expect("the program can be run");
        // The answer to every question. The pipe stays open: at its end a terminal would be closed.
        let mut answers = child.stdin.take();
        if let Some(answers) = answers.as_mut() {
            let _ = answers.write_all(b"y\n");
        }
        let output = child.wait_with_output().expect("it can be waited for");
        drop(answers);
        let told = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{told}\n{complaints}", output.status);
        told
    }

    /// Starts a command that runs until it is stopped, and waits until it is ready. A devnet goes on until
    /// the next one, or the end of the text.
    #[track_caller]
    pub fn start(&mut self, command: &str) {
        let command = self.fill_in(command);
        let is_devnet = command.contains(" devnet");
        if is_devnet {
            self.end();
        }
        let log = self.place("log");
        let told = File::create(&log).expect("a file can be made");
        let mut child = self.command(&command, false);
        child.stdout(told.try_clone().expect("a second handle")).stderr(told);
        let mut running = Running { child: child.spawn().expect("the program can be run"), log };
        let is_scenario = command.contains("--scenario");
        let ready = if is_devnet { "cairn net status" } else { &self.is_healthy() };
        wait_for(&format!("`{command}` is ready"), || {
            let ended = running.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "{command}: {ended:?}\n{}", running.log());
            let is_ready = self.command(ready, false).output().expect("it runs").status.success();
            // The first moment that a scenario tells of.
            (is_ready && (!is_scenario || running.log().contains(" s  "))).then_some(())
        });
        // A scenario has an end of its own, and what the text does next it does on a usual devnet.
        if is_devnet && !is_scenario {
            self.devnet = Some(running);
        } else {
            running.stop();
        }
    }

    /// What the devnet has told so far.
    #[track_caller]
    pub fn devnet_log(&self) -> String {
        self.devnet.as_ref().expect("the text has started a devnet").log()
    }

    /// Stops the devnet.
    #[track_caller]
    pub fn end(&mut self) {
        if let Some(devnet) = self.devnet.take() {
            devnet.stop();
        }
    }

    /// Puts values in the place of the words that stand for them.
    #[track_caller]
    fn fill_in(&self, command: &str) -> String {
        let path = |name: &str| self.place(name).display().to_string();
        let [p2p, rpc] = [0, 1].map(|index| self.ports[index].address().to_string());
        let values = [
            ("ADDRESS", ADDRESS.to_owned()),
            ("HOST:PORT", "127.0.0.1:1".to_owned()),
            ("FILE", "tests/scenarios/split-brain.toml".to_owned()),
            ("DIR", path("out")),
            ("D", path("data")),
            ("127.0.0.1:9000", p2p),
            ("127.0.0.1:9001", rpc),
        ];
        let command = command.split(" #").next().unwrap_or_default();
        let is_word = |text: &str| text.chars().all(|letter| letter.is_ascii_uppercase() || letter == ':');
        let fill_in = |word: &str| {
            let (word, rest) = word.split_once('/').map_or((word, None), |(word, rest)| (word, Some(rest)));
            let value = values.iter().find(|(name, _)| *name == word).map(|(_, value)| value.clone());
            assert!(
                value.is_some() || word.is_empty() || !is_word(word),
                "no value for {word} in `{command}`"
            );
            let value = value.unwrap_or_else(|| word.to_owned());
            rest.map_or_else(|| value.clone(), |rest| format!("{value}/{rest}"))
        };
        command.split(' ').map(fill_in).collect::<Vec<_>>().join(" ")
    }

    fn command(&self, command: &str, at_a_terminal: bool) -> Command {
        let mut bash = match at_a_terminal {
            false => Command::new("bash"),
            true => Command::new("script"),
        };
        match at_a_terminal {
            false => bash.arg("-c").arg(command).stdin(Stdio::null()),
            true => {
                bash.args(["--quiet", "--return", "--command", command, "/dev/null"]).stdin(Stdio::piped())
            }
        };
        let path = std::env::var("PATH").expect("a PATH");
        bash.env("PATH", format!("{}:{path}", self.place("bin").display()));
        bash.env("CAIRN_HOME", self.place("home")).env("HOME", self.place("home"));
        bash.env("TMPDIR", self.place("home")).env("CAIRN_WALLET_PASSPHRASE", "a passphrase of this test");
        bash.env("NO_COLOR", "1").env("TERM", "dumb").current_dir(self.place("clone"));
        bash.stdout(Stdio::piped()).stderr(Stdio::piped());
        bash
    }

    /// A command that succeeds once the node of the text answers.
    fn is_healthy(&self) -> String {
        let port = self.ports[1].address().port();
        let request = r"printf 'GET /health HTTP/1.0\r\n\r\n' >&3 && grep -q '200 OK' <&3";
        format!("exec 3<>/dev/tcp/127.0.0.1/{port} && {request}")
    }

    fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// The first of the devnet's published accounts.
const ADDRESS: &str = "cairndev1qq83xhkv3kt3xder5qy5f2jvrxw4q4umh26h5lr642c459kmucfl6uvkd58";

/// Whether a command asks something at the terminal.
fn asks(command: &str) -> bool {
    command.contains("cairn-wallet ") && command.contains(" send ") && !command.contains(" --yes")
}

impl Running {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// As with Ctrl-C.
    #[track_caller]
    fn stop(mut self) {
        let id = i32::try_from(self.child.id()).expect("process ids are small");
        kill(Pid::from_raw(id), Signal::SIGINT).expect("it runs");
        let child = &mut self.child;
        let status = wait_for("it ends", || child.try_wait().expect("a child can be waited for"));
        // A scenario has no verdict then, and says so.
        let is_usual = status.success() || self.log().contains("was stopped before its end");
        assert!(is_usual, "stopped with Ctrl-C: {status}\n{}", self.log());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
