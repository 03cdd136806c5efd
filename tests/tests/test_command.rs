//! `tests/run` brings what is missing and nothing else, asks before it uses root on a person's machine, and
//! runs what was named. The machine it runs on has only the programs that a test gives it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What the script may use of any system.
const SYSTEM: [&str; 4] = ["bash", "sh", "dirname", "cat"];
/// Writes down how it was called.
const NOTE: &str = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$CALLS\"\n";

struct Machine {
    directory: TempDir,
}

impl Machine {
    /// With Rust, `apt-get`, `sudo` and these programs; `user` is its user's number.
    fn with(user: u32, programs: &[&str]) -> Self {
        let machine = Self { directory: TempDir::with_prefix("cairn-test-machine-").expect("a directory") };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for directory in ["bin", "clone/tests"] {
            fs::create_dir_all(machine.place(directory)).expect("a directory can be made");
        }
        for name in ["run", "tools.sh", "tests"] {
            symlink(root.join(name), machine.place("clone/tests").join(name)).expect("a link can be made");
        }
        // The script finds its clone by its own path, which must not be that of the real one.
        for name in ["run", "tools.sh"] {
            let copy = machine.place("clone/tests").join(name);
            fs::remove_file(&copy).expect("it is there");
            fs::copy(root.join(name), copy).expect("it can be copied");
        }
        for name in SYSTEM {
            let found = ["/bin", "/usr/bin"].map(|place| Path::new(place).join(name));
            let found = found.into_iter().find(|path| path.exists()).expect("every system has it");
            symlink(found, machine.place("bin").join(name)).expect("a link can be made");
        }
        machine.give("id", &format!("#!/bin/sh\necho {user}\n"));
        machine.give("sudo", &format!("{NOTE}[ \"$1\" = -n ] && shift\nexec \"$@\"\n"));
        let brings = "case \"$*\" in *install*) printf '#!/bin/sh\\n' >\"$BIN/chromium\"; \
                      /bin/chmod +x \"$BIN/chromium\" ;; esac\n";
        machine.give("apt-get", &format!("{NOTE}{brings}"));
        machine.give(
            "cargo",
            &format!(
                "{NOTE}case \"$1 $2\" in\n\
                 metadata*) echo '{{\"packages\":[{{\"name\":\"cairn-core\",\"version\":\"0.1.0\"}}]}}' ;;\n\
                 'nextest list') echo 'cairn-tests::dashboard partition::cut'; echo 'cairn-core cut' ;;\n\
                 esac\n"
            ),
        );
        machine.give("node", "#!/bin/sh\necho v20.0.0\n");
        programs.iter().for_each(|name| machine.give(name, NOTE));
        machine
    }

    fn give(&self, name: &str, script: &str) {
        let path = self.place("bin").join(name);
        fs::write(&path, script).expect("a file can be written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it may be run");
    }

    fn lose(&self, name: &str) {
        fs::remove_file(self.place("bin").join(name)).expect("it is there");
    }

    fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env_clear().env("PATH", self.place("bin")).env("BIN", self.place("bin"));
        command.env("CALLS", self.place("calls")).env("HOME", self.place("."))
    }

    /// Without a terminal.
    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(self.place("clone/tests/run"));
        self.environment(&mut command).envs(variables.iter().copied());
        command.args(arguments).stdin(Stdio::null()).output().expect("it can be run")
    }

    /// At a terminal, where a person types this.
    fn run_at_a_terminal(&self, typed: &str) -> Output {
        let mut command = Command::new("/usr/bin/script");
        self.environment(&mut command).args(["--quiet", "--return", "--command"]);
        command.arg(self.place("clone/tests/run")).arg("/dev/null");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it can be run");
        let mut keyboard = child.stdin.take().expect("it is piped");
        keyboard.write_all(typed.as_bytes()).expect("it is typed");
        let output = child.wait_with_output().expect("it ends");
        drop(keyboard);
        output
    }

    /// The programs that were called since the last look, but for questions about what there is.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.place("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.place("calls"));
        let asks = |call: &&str| call.contains("--version") || call.contains("metadata");
        calls.lines().filter(|call| !asks(call)).map(str::to_owned).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

const WHOLE: &str = "cargo nextest run --release --workspace";

#[test]
fn with_everything_there_it_runs_the_whole_suite_and_brings_nothing() {
    let machine = Machine::with(1000, &["cargo-nextest", "chromium"]);
    let output = machine.run(&[], &[]);
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
    assert_eq!(machine.calls(), [WHOLE]);
}

#[test]
fn a_person_is_asked_before_root_is_used_and_no_means_no() {
    let machine = Machine::with(1000, &["cargo-nextest"]);
    let output = machine.run_at_a_terminal("n\n");
    assert!(
        !output.status.success() && said(&output).contains("Run this as root? [y/N]"),
        "{}",
        said(&output)
    );
    assert!(machine.calls().is_empty());
    // Root at a terminal is a person as well.
    let root = Machine::with(0, &["cargo-nextest"]);
    assert!(!root.run_at_a_terminal("\n").status.success() && root.calls().is_empty());

    let output = machine.run_at_a_terminal("y\n");
    assert!(output.status.success(), "{}", said(&output));
    let calls = machine.calls();
    assert!(calls[0].starts_with("sudo ") && calls[1].starts_with("apt-get update"), "{calls:?}");
    assert_eq!(calls.last().map(String::as_str), Some(WHOLE));
}

#[test]
fn nobody_is_asked_in_ci_and_nothing_is_done_as_root_where_nobody_can_be_asked() {
    let machine = Machine::with(1000, &["cargo-nextest"]);
    let output = machine.run(&[], &[]);
    let said = said(&output);
    assert!(!output.status.success() && said.contains("apt-get install") && said.contains("--yes"), "{said}");
    assert!(machine.calls().is_empty());
    for (arguments, variables) in [(&["--yes"][..], &[][..]), (&[], &[("CI", "true")])] {
        let machine = Machine::with(1000, &["cargo-nextest"]);
        assert!(machine.run(arguments, variables).status.success());
        let calls = machine.calls();
        assert!(
            calls[0].starts_with("sudo -n ") && calls.last().is_some_and(|call| call == WHOLE),
            "{calls:?}"
        );
    }
    let root = Machine::with(0, &["cargo-nextest"]);
    assert!(root.run(&[], &[]).status.success());
    assert!(root.calls()[0].starts_with("apt-get update"), "it is root already");
}

#[test]
fn a_part_brings_only_what_it_needs() {
    let machine = Machine::with(1000, &["cargo-nextest", "chromium"]);
    for (names, wanted) in [
        (&["cairn-core"][..], "--release -p cairn-core -E package(=cairn-core)"),
        (
            &["dashboard", "kill"],
            "--release -p cairn-tests --test dashboard --test kill -E binary(=dashboard) | binary(=kill)",
        ),
        (&["cut"], "--release --workspace -E test(cut)"),
        (&["cairn-core", "kill"], "--release --workspace -E package(=cairn-core) | binary(=kill)"),
    ] {
        assert!(machine.run(names, &[]).status.success());
        assert_eq!(machine.calls(), [format!("cargo nextest run {wanted}")]);
    }
    machine.lose("chromium");
    machine.give("cargo", &format!("{NOTE}[ \"$2\" = list ] && echo 'cairn-tests::kill cut'\nexit 0\n"));
    let output = machine.run(&["cut"], &[]);
    assert!(output.status.success(), "none of them needs a browser: {}", said(&output));
    assert_eq!(machine.calls().len(), 2);
}

#[test]
fn what_cannot_be_brought_is_named_with_what_to_do() {
    let no_packages = Machine::with(1000, &["cargo-nextest"]);
    no_packages.lose("apt-get");
    let told = said(&no_packages.run(&[], &[]));
    assert!(told.contains("has no apt-get") && told.contains("CAIRN_CHROMIUM"), "{told}");

    let old_node = Machine::with(0, &["cargo-nextest", "chromium"]);
    old_node.give("node", "#!/bin/sh\necho v18.19.0\n");
    let told = said(&old_node.run(&[], &[]));
    assert!(told.contains("package nodejs") && told.contains("older than 20"), "{told}");

    let no_compiler = Machine::with(1000, &["chromium"]);
    no_compiler.give("cargo", "#!/bin/sh\nexit 1\n");
    let told = said(&no_compiler.run(&[], &[]));
    assert!(told.contains("takes some minutes") && told.contains("cargo install cargo-nextest"), "{told}");

    let no_rust = Machine::with(1000, &["cargo-nextest", "chromium"]);
    no_rust.lose("cargo");
    assert!(said(&no_rust.run(&[], &[])).contains("rustup.rs"));

    let unknown = no_packages.run(&["--what"], &[]);
    assert!(unknown.status.code() == Some(2) && said(&unknown).contains("usage: tests/run"));
}
