//! Programs leave the terminal as they found it, and show something useful on any.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use cairn_node::top::screen::Screen;
use cairn_tests::devnet::Devnet;
use cairn_tests::process::program;
use cairn_tests::terminal::OnTerminal;
use nix::sys::signal::Signal;

fn devnet(rpc_port: u16, nodes: &str) -> Devnet {
    Devnet::start(rpc_port, &["--nodes", nodes, "--mine", "none"])
}

fn top(devnet: &Devnet, size: (u16, u16)) -> OnTerminal {
    let mut command = Command::new(program());
    command.arg("top").env("CAIRN_HOME", devnet.home());
    let top = OnTerminal::start(&command, size);
    top.wait_for("q quit");
    top
}

#[test]
fn a_signal_ends_top_and_leaves_the_terminal_as_it_was() {
    let devnet = devnet(23_160, "2");
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGINT] {
        let mut top = top(&devnet, (80, 24));
        top.signal(signal);
        assert_eq!(top.wait_for_exit().signal(), Some(signal as i32), "{signal}");
        top.assert_as_found();
    }
    let mut top = top(&devnet, (80, 24));
    top.press("q");
    assert!(top.wait_for_exit().success());
    top.assert_as_found();
}

#[test]
fn a_signal_at_a_progress_bar_leaves_the_terminal_as_it_was() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/mass-restart.toml");
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGINT] {
        let mut command = Command::new(program());
        command.arg("simulate").arg(&scenario).args(["--seeds", "1..10000"]);
        let mut bar = OnTerminal::start(&command, (80, 24));
        bar.wait_for("of 10000 seeds");
        bar.signal(signal);
        assert_eq!(bar.wait_for_exit().signal(), Some(signal as i32), "{signal}");
        bar.assert_as_found();
    }
}

#[test]
fn top_ends_when_its_terminal_is_closed() {
    let devnet = devnet(23_170, "2");
    let mut closed = top(&devnet, (80, 24));
    closed.close();
    assert!(!closed.wait_for_exit().success());
}

#[test]
fn a_panic_of_any_thread_gives_the_terminal_back_and_ends_the_program() {
    for thread in ["the one that draws", "another one"] {
        let mut command = Command::new(std::env::current_exe().expect("a running program has a path"));
        command.args(["--exact", "panics", "--ignored", "--nocapture"]).env("CAIRN_TEST_PANICS", thread);
        let mut panics = OnTerminal::start(&command, (80, 24));
        panics.wait_for("this is a panic");
        assert_eq!(panics.wait_for_exit().code(), Some(101));
        panics.assert_as_found();
        let drawn = panics.drawn();
        assert!(
            drawn.rfind("\u{1b}[?1049l") < drawn.rfind("this is a panic"),
            "nobody could read it: {drawn}"
        );
    }
}

#[test]
#[ignore = "run by the test above, on a terminal of its own"]
fn panics() {
    let Ok(thread) = std::env::var("CAIRN_TEST_PANICS") else { return };
    let mut screen = Screen::take().expect("a terminal");
    screen.0.hide_cursor().expect("it obeys");
    if thread == "another one" {
        let _ = std::thread::spawn(|| panic!("this is a panic")).join();
    }
    panic!("this is a panic");
}

#[test]
fn a_small_terminal_shows_nodes_and_that_there_are_more_also_when_it_becomes_small() {
    let devnet = devnet(23_180, "6");
    let small = top(&devnet, (40, 8));
    small.wait_for("+ 1 more");
    small.wait_for("6/6 agree, height 0");
    let mut shrinks = top(&devnet, (120, 40));
    assert!(!shrinks.words().contains(" more"));
    shrinks.resize(20, 4);
    shrinks.wait_for("+ 4 more");
    shrinks.press("q");
    assert!(shrinks.wait_for_exit().success());
    shrinks.assert_as_found();
}
