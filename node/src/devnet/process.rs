//! A node's process: started, watched, ended; it never outlives the devnet.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cairn_genesis::programs::environment::of_cairn;

use cairn_genesis::hashrate::Hashrate;

use crate::devnet::error::DevnetError;
use crate::devnet::plan::NodePlan;

/// How long a node may take to stop cleanly before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of a log is shown.
const TAIL_BYTES: u64 = 2_000;

/// Starts the node; it mines at this hash rate. Its standard input is a pipe held here: when this process ends, however it
/// ends, the pipe closes and the node stops.
///
/// # Errors
/// When the program cannot be run or its directory not be made.
pub fn start(plan: &NodePlan, hashrate: Option<Hashrate>, chain: &str) -> Result<Child, DevnetError> {
    fs::create_dir_all(&plan.directory).map_err(DevnetError::io("create", plan.directory.display()))?;
    let log = File::options().create(true).append(true).open(plan.log());
    let log = log.map_err(DevnetError::io("open", plan.log().display()))?;
    let program = std::env::current_exe().map_err(DevnetError::io("find", "this program"))?;
    let mut command = Command::new(&program);
    command.args(["node", "--stop-on-stdin-close", "--address-index", "--chain", chain]);
    command.arg("--data-dir").arg(plan.data());
    command.args(["--rpc", &plan.rpc.to_string(), "--listen", &plan.peer.to_string()]);
    command.args(["--tag", &plan.tag()]);
    for address in &plan.dials {
        command.args(["--connect", &address.to_string()]);
    }
    if let Some(most) = plan.max_outbound {
        command.args(["--max-outbound", &most.to_string()]);
    }
    if let Some(hashrate) = hashrate {
        command.args(["--mine", &plan.reward, "--threads", "1", "--hashrate", &hashrate.to_string()]);
    }
    // A shell's settings are meant for a node of one's own: this one's are all above.
    for (name, _) in of_cairn(std::env::vars_os()) {
        command.env_remove(name);
    }
    // A group of its own: Ctrl-C in the terminal reaches the devnet alone, which then stops its nodes.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    command.spawn().map_err(DevnetError::io("run", program.display()))
}

/// Asks the node to stop; does not wait. Unlike a signal, the closing of its input is noticed whatever
/// signals were ignored when the devnet was started.
pub fn ask_to_stop(child: &mut Child) {
    drop(child.stdin.take());
}

/// Waits for a node that was asked to stop; one that does not is killed.
pub fn wait_for_stop(child: &mut Child) {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            _ => return,
        }
    }
    kill_now(child);
}

/// Kills the node as a crash would.
pub fn kill_now(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// How a process ended, in words.
pub fn in_words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown reason".to_owned(),
    }
}

/// The end of the node's log.
pub fn log_tail(plan: &NodePlan) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(plan.log())?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        Ok(lines.into_iter().rev().map(|line| format!("    {line}\n")).collect())
    };
    read().unwrap_or_else(|error| format!("    (its log cannot be read: {error})\n"))
}
