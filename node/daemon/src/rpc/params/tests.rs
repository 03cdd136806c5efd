use serde_json::json;

use super::*;

const ARGS: &[Arg] = &Arg::named(
    ["txid", "verbosity|verbose", "blockhash"],
    &[Arg::of::<String>(), Arg::of::<Option<Verbosity>>(), Arg::of::<Option<String>>()],
);

fn bind(arguments: Value) -> Result<Params, RpcError> {
    Params::bind(
        ARGS,
        match arguments {
            Value::Array(values) => Arguments::Positional(values),
            Value::Object(values) => Arguments::Named(values),
            _ => panic!("arguments are an array or an object"),
        },
        || Code::Misc.error("the help"),
    )
}

fn rejected(arguments: Value) -> (i32, String) {
    let error = bind(arguments).expect_err("rejected");
    (error.code as i32, error.message)
}

fn text(params: &Params, index: usize) -> Option<String> {
    params.read(index).expect("it was bound")
}

#[test]
fn named_arguments_fill_their_places_and_leave_holes_null() {
    let params = bind(json!({"txid": "a", "blockhash": "b"})).expect("bound");
    assert_eq!(text(&params, 0).as_deref(), Some("a"));
    assert_eq!(params.read::<Option<Verbosity>>(1).expect("left out"), None);
    assert_eq!(text(&params, 2).as_deref(), Some("b"));
}

#[test]
fn an_older_name_means_the_same_argument() {
    let params = bind(json!({"txid": "a", "verbose": true})).expect("bound");
    assert_eq!(params.read::<Option<Verbosity>>(1).expect("a flag"), Some(Verbosity(1)));
}

#[test]
fn args_holds_leading_positions() {
    let params = bind(json!({"args": ["a", 2], "blockhash": "b"})).expect("bound");
    assert_eq!((text(&params, 0).as_deref(), text(&params, 2).as_deref()), (Some("a"), Some("b")));
    let twice = "Parameter txid specified twice both as positional and named argument";
    assert_eq!(rejected(json!({"args": ["a"], "txid": "a"})), (-8, twice.to_owned()));
}

#[test]
fn an_unknown_name_and_a_doubled_name_are_rejected() {
    assert_eq!(rejected(json!({"txid": "a", "no": 1})), (-8, "Unknown named parameter no".to_owned()));
    let doubled = json!({"txid": "a", "verbose": 1, "verbosity": 1});
    assert_eq!(rejected(doubled), (-8, "Parameter verbosity specified multiple times".to_owned()));
}

#[test]
fn a_wrong_number_of_arguments_asks_for_the_help_text() {
    assert_eq!(rejected(json!([])), (-1, "the help".to_owned()), "too few");
    assert_eq!(rejected(json!({"verbosity": 1})).0, -3, "null is not a txid");
    assert_eq!(rejected(json!(["a", 1, "b", 1])), (-1, "the help".to_owned()), "too many");
}

#[test]
fn a_wrong_type_is_named_with_its_position() {
    let sentence = "Wrong type passed:\n{\n    \"Position 1 (txid)\": \"JSON value of type number is not of expected type string\"\n}";
    assert_eq!(rejected(json!([7])), (-3, sentence.to_owned()));
}

#[test]
fn a_number_must_be_whole_and_fit() {
    let read = |value: Value| Option::<u32>::read("n", &value).map_err(|error| error.code);
    assert_eq!(read(json!(5)), Ok(Some(5)));
    assert_eq!(read(json!(null)), Ok(None));
    for wrong in [json!(-1), json!(1.5), json!(5.0), json!(u64::MAX), json!(1e300)] {
        assert_eq!(read(wrong), Err(Code::Misc));
    }
}

#[test]
fn coins_are_read_without_rounding() {
    for (text, units) in [
        ("1", 100_000_000),
        ("0.1", 10_000_000),
        ("1e-8", 1),
        ("21e6", 2_100_000_000_000_000),
        ("1.50", 150_000_000),
        ("0", 0),
        ("0e9", 0),
    ] {
        assert_eq!(decimal_units(text), Some(units), "{text}");
    }
    for text in ["", "-1", "1e-9", "0.000000001", ".5", "1e400", "184467440738", "1.2.3", "1e", "0x1", " 1"] {
        assert_eq!(decimal_units(text), None, "{text}");
    }
}

#[test]
fn a_hash_of_the_wrong_shape_is_refused_in_bitcoin_cores_words() {
    let short = hash::<cairn_core::hash::Txid>("txid", "ab").expect_err("too short");
    assert_eq!(short.message, "txid must be of length 64 (not 2, for 'ab')");
    let bad = "zz".repeat(32);
    let bad_hash = hash::<cairn_core::hash::Txid>("txid", &bad).expect_err("no hex");
    assert_eq!(bad_hash.message, format!("txid must be hexadecimal string (not '{bad}')"));
}
