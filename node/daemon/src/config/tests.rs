//! Which layer wins, and that every mistake names its place.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches};

use crate::config::host::HostPort;
use crate::config::layers::{self, ConfigError, NodeArgs};
use crate::config::settings::Config;

fn environment(variables: &[(&str, &str)]) -> std::vec::IntoIter<(OsString, OsString)> {
    let pairs = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    pairs.collect::<Vec<_>>().into_iter()
}

fn load(arguments: &NodeArgs, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    arguments.with_layers(environment(variables))
}

fn typed(flags: &[&str]) -> NodeArgs {
    let command = NodeArgs::augment_args(Command::new("node")).no_binary_name(true);
    NodeArgs::from_arg_matches(&command.get_matches_from(flags)).expect("they are known")
}

/// Settings in a file, and the arguments that name it.
fn with_file(text: &str) -> (tempfile::NamedTempFile, NodeArgs) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("it can be written");
    let arguments = typed(&["--data-dir=d", "--config", file.path().to_str().expect("text")]);
    (file, arguments)
}

fn config_error(text: &str) -> String {
    let (file, arguments) = with_file(text);
    let error = load(&arguments, &[]).expect_err("the file is wrong").to_string();
    error.replace(&file.path().display().to_string(), "FILE")
}

#[test]
fn without_any_setting_a_node_joins_the_devnet_on_loopback() {
    let config = load(&typed(&["--data-dir=d"]), &[]).expect("defaults are right");
    assert_eq!((config.chain.as_str(), config.rpc.to_string().as_str()), ("devnet", "127.0.0.1:18443"));
    assert_eq!(config.listen.map(|address| address.to_string()).as_deref(), Some("127.0.0.1:18444"));
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let (file, _) = with_file("rpc = \"127.0.0.1:1\"\nthreads = 3\nmax-inbound = 5\n");
    let arguments = typed(&["--rpc", "127.0.0.1:3", "--config", file.path().to_str().expect("text")]);
    let variables = [("CAIRN_RPC", "127.0.0.1:2"), ("CAIRN_THREADS", "2")];
    let config = load(&arguments, &variables).expect("all are right");
    assert_eq!((config.rpc.port(), config.threads, config.max_inbound), (3, 2, 5));
}

#[test]
fn a_list_can_be_typed_or_separated_by_commas_or_stand_in_the_file() {
    let expected: Vec<HostPort> = ["a:1", "b:2"].map(|text| text.parse().expect(text)).into();
    let arguments = typed(&["--connect", "a:1", "--connect=b:2"]);
    assert_eq!(load(&arguments, &[]).expect("typed").connect, expected);
    assert_eq!(
        load(&typed(&["--data-dir=d"]), &[("CAIRN_CONNECT", "a:1, b:2")]).expect("variable").connect,
        expected
    );
    let (_file, arguments) = with_file("connect = [\"a:1\", \"b:2\"]");
    assert_eq!(load(&arguments, &[]).expect("file").connect, expected);
}

#[test]
fn a_wrong_value_in_the_file_is_named_by_file_line_and_key_with_what_was_expected() {
    assert_eq!(
        config_error("# comment\nchain = \"regtest\"\nrpc = \"nonsense\"\n"),
        "FILE, line 3, key rpc: expected an address such as 127.0.0.1:18443 or localhost:18443, found \"nonsense\""
    );
    assert_eq!(
        config_error("threads = 0"),
        "FILE, line 1, key threads: expected a number, 1 or more, found \"0\""
    );
}

#[test]
fn a_setting_that_does_not_exist_is_named_with_those_that_do() {
    let error = config_error("\nprc = \"127.0.0.1:1\"");
    assert!(
        error.starts_with("FILE, line 2: there is no setting \"prc\"; expected one of: address-index, chain"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let error = config_error("chain = \"devnet\"\nrpc = = 1\n");
    assert!(error.starts_with("FILE, line 2, ") && error.contains("not TOML"), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let arguments = typed(&["--config=/nonexistent/cairn.toml"]);
    let error = load(&arguments, &[]).expect_err("there is no such file").to_string();
    assert!(error.starts_with("cannot read the settings in /nonexistent/cairn.toml: "), "{error}");
}

#[test]
fn a_wrong_variable_or_flag_is_named() {
    let error =
        load(&typed(&["--data-dir=d"]), &[("CAIRN_MAX_MEMPOOL", "big")]).expect_err("no number").to_string();
    assert_eq!(
        error,
        "the environment variable CAIRN_MAX_MEMPOOL: expected a number of MB, 1 or more, found \"big\""
    );
    let command = NodeArgs::augment_args(Command::new("node")).no_binary_name(true);
    let error = command.try_get_matches_from(["--listen=18444"]).expect_err("no host").to_string();
    let expected = "invalid value '18444' for '--listen <IP:PORT>': expected an address such as 127.0.0.1:18444, or \"none\"";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_variable_is_taken_as_it_stands_and_only_a_list_is_split() {
    let variables =
        [("CAIRN_TAG", "hello, world"), ("CAIRN_DATA_DIR", " my, data"), ("CAIRN_CONNECT", "a:1 , b:2")];
    let config = load(&typed(&[]), &variables).expect("all are right");
    assert_eq!(
        (config.tag.as_str(), config.data_dir().expect("given")),
        ("hello, world", PathBuf::from(" my, data"))
    );
    assert_eq!(config.connect.len(), 2);
    assert_eq!(
        config_error("tag = [\"a\", \"b\"]"),
        "FILE, line 1, key tag: expected one value, found \"a, b\""
    );
}

#[test]
fn bytes_that_are_no_text_are_refused_only_where_text_is_read() {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = |name: &str| [(OsString::from(name), OsString::from_vec(vec![b'p', 0xff]))].into_iter();
    for name in ["CAIRN_WALLET_PASSPHRASE", "CAIRN_HOME", "CAIRN_SOMETHING"] {
        assert!(typed(&[]).with_layers(bytes(name)).is_ok(), "{name}");
    }
    let error = typed(&[]).with_layers(bytes("CAIRN_TAG")).expect_err("it is read").to_string();
    assert_eq!(error, "the environment variable CAIRN_TAG: expected text, found \"p\u{fffd}\"");
    let config = typed(&[]).with_layers(bytes("CAIRN_DATA_DIR")).expect("a path");
    assert_eq!(config.data_dir().expect("given").as_os_str(), OsStr::from_bytes(&[b'p', 0xff]));
}

#[test]
fn the_address_that_the_wallet_takes_is_taken_or_said_to_be_shared() {
    let load = |value| load(&typed(&["--data-dir=d"]), &[("CAIRN_RPC", value)]);
    assert_eq!(load("localhost:31210").expect("an address").rpc, SocketAddr::from(([127, 0, 0, 1], 31210)));
    let error = load("http://node.example:1").expect_err("it is the wallet's").to_string();
    assert!(
        error.starts_with("the environment variable CAIRN_RPC, which cairn-wallet reads as well: expected"),
        "{error}"
    );
}

#[test]
fn every_setting_has_a_variable_in_the_table_that_all_programs_share() {
    let table = cairn_genesis::programs::environment::VARIABLES;
    let missing: Vec<String> = layers::keys()
        .iter()
        .map(|key| layers::variable(key))
        .filter(|name| !table.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_is_on_or_off_is_a_flag_alone_or_true_or_false_in_a_lower_layer() {
    let (file, arguments) = with_file("reindex = false\nlog-json = true\naddress-index = true\n");
    let load =
        |arguments: &NodeArgs| load(arguments, &[("CAIRN_ADDRESS_INDEX", "false")]).expect("all are right");
    let config = load(&arguments);
    assert_eq!((config.reindex, config.log_json, config.address_index), (false, true, false));
    let path = file.path().to_str().expect("text");
    let config = load(&typed(&["--reindex", "--address-index", "--config", path]));
    assert_eq!((config.reindex, config.log_json, config.address_index), (true, true, true));
    assert_eq!(config_error("reindex = 1"), "FILE, line 1, key reindex: expected true or false, found \"1\"");
}
