//! Several devnets of one user at once: each is found, and none hides another.

use std::path::PathBuf;

use cairn_genesis::programs::running::Devnet as Note;
use cairn_tests::devnet::Devnet;
use cairn_tests::patience::wait_until;
use nix::sys::signal::Signal;

/// The note that scripts read.
fn shown(devnet: &Devnet) -> Option<Note> {
    Note::read(&devnet.home().join("devnet.json")).expect("a note")
}

fn temporary_directories(devnet: &Devnet) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(devnet.home()).expect("a home").flatten().map(|entry| entry.path());
    let name = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("cairn-devnet-"))
    };
    entries.filter(name).collect()
}

#[test]
fn each_of_two_devnets_is_found_by_name_and_directory_and_the_newest_is_meant_by_default() {
    let kept = tempfile::tempdir().expect("a directory");
    let directory = kept.path().join("shop");
    let directory = directory.to_str().expect("text");
    let two = ["--nodes", "2", "--mine", "none"];
    let shop = Devnet::start(24_100, &[&two[..], &["--dir", directory]].concat());
    assert_eq!(shop.net(&["status"])["devnet"], "shop");
    assert_eq!(shop.net_says(&["heal"]).1, "", "nothing is said where one runs");

    let mut lab = shop.start_beside(24_100, &[&two[..], &["--name", "lab"]].concat());
    assert_ne!(shop.ready["nodes"][0]["rpc"], lab.ready["nodes"][0]["rpc"]);
    shop.net(&["--devnet", "shop", "mine", "0", "3"]);
    for (arguments, name, height) in [
        (&["status"][..], "lab", 0),
        (&["--devnet", "lab", "status"], "lab", 0),
        (&["--devnet", "shop", "status"], "shop", 3),
        (&["--devnet", directory, "status"], "shop", 3),
        (&["--dir", directory, "status"], "shop", 3),
    ] {
        let status = shop.net(arguments);
        assert_eq!(
            (&status["devnet"], &status["nodes"][0]["height"]),
            (&name.into(), &height.into()),
            "{arguments:?}"
        );
    }
    let said = shop.net_says(&["kill", "0"]).1;
    assert_eq!(said, "devnet lab: the newest of 2 that run (shop, lab); --devnet NAME chooses another\n");
    assert_eq!(shop.net_says(&["--devnet", "shop", "mine", "0"]).1, "devnet shop\n");
    let listed = shop.net(&["list"]);
    let names: Vec<_> = listed.as_array().expect("a list").iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["shop", "lab"]);
    let wrong = shop.net_fails(&["--devnet", "pub", "status"]);
    assert!(wrong.contains("no devnet \"pub\" runs; these do: shop, lab"), "{wrong}");

    assert_eq!(shown(&shop).map(|note| note.name.to_string()).as_deref(), Some("lab"));
    lab.signal(Signal::SIGTERM);
    assert_eq!(shop.net(&["status"])["nodes"][0]["height"], 4);
    assert_eq!(shown(&shop).map(|note| note.name.to_string()).as_deref(), Some("shop"));
    assert_eq!(shop.net(&["list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn a_killed_devnet_is_not_found_and_what_it_left_goes_when_another_starts() {
    let two = ["--nodes", "2", "--mine", "none"];
    let first = Devnet::start(24_120, &two);
    let mut second = first.start_beside(24_120, &two);
    let nodes = second.node_ids();
    second.signal(Signal::SIGKILL);
    assert_eq!(first.net(&["status"])["devnet"], "devnet-1");
    assert!(first.net_fails(&["--devnet", "devnet-2", "status"]).contains("devnet-1 does"));
    let is_gone = |id: &u32| {
        !std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    };
    wait_until("its nodes have ended", || nodes.iter().all(is_gone));
    assert_eq!(temporary_directories(&first).len(), 2, "looking removes nothing");
    let third = first.start_beside(24_120, &two);
    assert_eq!(third.ready["name"], "devnet-2");
    assert_eq!(temporary_directories(&first).len(), 2);
}

#[test]
fn a_name_that_a_living_devnet_has_is_refused_before_anything_starts() {
    let first = Devnet::start(24_140, &["--nodes", "2", "--mine", "none", "--name", "lab"]);
    let mut command = std::process::Command::new(cairn_tests::process::program());
    command.args(["devnet", "--name", "lab"]).env("CAIRN_HOME", first.home()).env("TMPDIR", first.home());
    let ended = command.output().expect("the program can be run");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        !ended.status.success()
            && said.contains("a devnet lab runs already, in ")
            && said.contains("choose another --name"),
        "{said}"
    );
    assert_eq!(temporary_directories(&first).len(), 1);
}
