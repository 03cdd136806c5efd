//! Arguments: by position or by name, of the declared type, read out as what they mean.

use std::str::FromStr;

use cairn_core::amount::Amount;
use cairn_core::hash::{BlockHash, Txid};
use serde_json::{Map, Value};

use crate::rpc::envelope::Arguments;
use crate::rpc::error::{Code, RpcError};
use crate::rpc::json::object;

/// The JSON type that an argument must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    /// An amount in coins, as a number or a string.
    Coins,
    Flag,
    Fields,
    List,
    /// Several types have a meaning; reading the argument distinguishes them.
    Any,
}

/// A type that an argument of a method can have.
pub trait Argument: Sized {
    const KIND: Kind;
    const IS_REQUIRED: bool = true;

    /// Reads the value; `name` stands in the error.
    ///
    /// # Errors
    /// Bitcoin Core's code and sentence for a value that this type does not have.
    fn read(name: &str, value: &Value) -> Result<Self, RpcError>;
}

/// An argument that may be left out or null.
impl<T: Argument> Argument for Option<T> {
    const KIND: Kind = T::KIND;
    const IS_REQUIRED: bool = false;

    fn read(name: &str, value: &Value) -> Result<Self, RpcError> {
        if value.is_null() { Ok(None) } else { T::read(name, value).map(Some) }
    }
}

/// Says for each type its JSON type and the function that reads it.
macro_rules! arguments {
    ($($type:ty: $kind:ident => $read:expr;)*) => {$(
        impl Argument for $type {
            const KIND: Kind = Kind::$kind;

            fn read(name: &str, value: &Value) -> Result<Self, RpcError> {
                $read(name, value)
            }
        }
    )*};
}

arguments! {
    bool: Flag => |_: &str, value: &Value| typed(Kind::Flag, value, value.as_bool());
    String: Text => |_: &str, value: &Value| typed(Kind::Text, value, value.as_str().map(str::to_owned));
    Vec<Value>: List => |_: &str, value: &Value| typed(Kind::List, value, value.as_array().cloned());
    Map<String, Value>: Fields => |_: &str, value: &Value| typed(Kind::Fields, value, value.as_object().cloned());
    Value: Any => |_: &str, value: &Value| Ok(value.clone());
    i64: Number => whole;
    u16: Number => whole;
    u32: Number => whole;
    u64: Number => whole;
    Amount: Coins => coins;
    Txid: Text => |name, value: &Value| hash(name, value.as_str().unwrap_or_default());
    BlockHash: Text => |name, value: &Value| hash(name, value.as_str().unwrap_or_default());
    Verbosity: Any => verbosity;
}

/// A level of detail: a small number, or a flag that stands for 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verbosity(pub u8);

/// One argument that a method takes.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name; older names after `|`.
    pub names: &'static str,
    pub kind: Kind,
    /// Whether the call fails without it.
    pub is_required: bool,
}

impl Arg {
    /// An argument of this type, without a name yet.
    pub const fn of<T: Argument>() -> Self {
        Self { names: "", kind: T::KIND, is_required: T::IS_REQUIRED }
    }

    /// Gives each argument its name.
    ///
    /// # Panics
    /// When there are more names than arguments or fewer: in a constant, so that the program is not built.
    pub const fn named<const N: usize>(names: [&'static str; N], unnamed: &[Self]) -> [Self; N] {
        assert!(unnamed.len() == N, "a method names each of its arguments");
        let mut args = [Self::of::<bool>(); N];
        let mut index = 0;
        while index < N {
            args[index] = Self { names: names[index], ..unnamed[index] };
            index += 1;
        }
        args
    }

    /// The newest of its names.
    pub fn name(&self) -> &'static str {
        self.names.split('|').next().unwrap_or(self.names)
    }
}

/// The arguments of one call: the right number of them, each of its declared type.
#[derive(Debug)]
pub struct Params {
    args: &'static [Arg],
    values: Vec<Value>,
}

impl Params {
    /// Puts the arguments in order and checks their number and types.
    ///
    /// # Errors
    /// [`Code::InvalidParameter`] for names, [`Code::Type`] for types, `wrong_number` for too few or too many.
    pub fn bind(
        args: &'static [Arg],
        arguments: Arguments,
        wrong_number: impl FnOnce() -> RpcError,
    ) -> Result<Self, RpcError> {
        let values = match arguments {
            Arguments::Positional(values) => values,
            Arguments::Named(named) => in_order(args, named)?,
        };
        let needed = args.iter().rposition(|arg| arg.is_required).map_or(0, |last| last + 1);
        if values.len() < needed || values.len() > args.len() {
            return Err(wrong_number());
        }
        check_types(args, &values)?;
        Ok(Self { args, values })
    }

    /// Reads the argument at a position, counted from 0.
    pub fn read<T: Argument>(&self, index: usize) -> Result<T, RpcError> {
        T::read(self.args.get(index).map_or("", Arg::name), self.values.get(index).unwrap_or(&Value::Null))
    }
}

/// Reads a 32-byte id that came as text.
///
/// # Errors
/// [`Code::InvalidParameter`] with Bitcoin Core's two sentences.
pub fn hash<H: FromStr>(name: &str, text: &str) -> Result<H, RpcError> {
    text.parse().map_err(|_| {
        Code::InvalidParameter.error(match text.len() {
            64 => format!("{name} must be hexadecimal string (not '{text}')"),
            found => format!("{name} must be of length 64 (not {found}, for '{text}')"),
        })
    })
}

/// Reads a whole number that fits.
///
/// # Errors
/// [`Code::Type`] when it is not a number, [`Code::Misc`] when it does not fit.
pub fn whole<T: TryFrom<i64>>(name: &str, value: &Value) -> Result<T, RpcError> {
    if !value.is_number() {
        return Err(Code::Type.error(expected("number", value)));
    }
    let fits = value.as_i64().and_then(|number| T::try_from(number).ok());
    fits.ok_or_else(|| Code::Misc.error(format!("JSON integer out of range: {name} is {value}")))
}

fn typed<T>(kind: Kind, value: &Value, read: Option<T>) -> Result<T, RpcError> {
    read.ok_or_else(|| Code::Type.error(expected(kind.json_name(), value)))
}

fn verbosity(name: &str, value: &Value) -> Result<Verbosity, RpcError> {
    match value {
        Value::Bool(verbose) => Ok(Verbosity(u8::from(*verbose))),
        value => Ok(Verbosity(whole::<i64>(name, value)?.clamp(0, 255) as u8)),
    }
}

fn coins(name: &str, value: &Value) -> Result<Amount, RpcError> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return Err(Code::Type.error("Amount is not a number or string")),
    };
    let invalid = || Code::Type.error(format!("Invalid amount: {name} is {text:?}"));
    decimal_units(&text).map(Amount::from_units).ok_or_else(invalid)
}

/// Bitcoin Core's sentence for a value of the wrong type.
fn expected(kind: &str, found: &Value) -> String {
    format!("JSON value of type {} is not of expected type {kind}", type_name(found))
}

/// Named arguments in the declared order. Holes before the last given one become null.
fn in_order(args: &[Arg], mut named: Map<String, Value>) -> Result<Vec<Value>, RpcError> {
    let mut values = match named.remove("args") {
        None => Vec::new(),
        Some(Value::Array(values)) => values,
        Some(other) => return Err(Code::Type.error(expected("array", &other))),
    };
    let positional = values.len();
    for (index, arg) in args.iter().enumerate() {
        let mut given = arg.names.split('|').filter_map(|name| Some((name, named.remove(name)?)));
        let Some((name, value)) = given.next() else { continue };
        if given.next().is_some() {
            return Err(Code::InvalidParameter.error(format!("Parameter {name} specified multiple times")));
        }
        if index < positional {
            let message = format!("Parameter {name} specified twice both as positional and named argument");
            return Err(Code::InvalidParameter.error(message));
        }
        values.resize(index, Value::Null);
        values.push(value);
    }
    match named.keys().next() {
        Some(unknown) => Err(Code::InvalidParameter.error(format!("Unknown named parameter {unknown}"))),
        None => Ok(values),
    }
}

fn check_types(args: &[Arg], values: &[Value]) -> Result<(), RpcError> {
    let wrong: Vec<String> = (args.iter().zip(values).enumerate())
        .filter_map(|(index, (arg, value))| {
            let text = expected(mismatch(arg, value)?, value);
            Some(format!("    \"Position {} ({})\": \"{text}\"", index + 1, arg.name()))
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let data = object! { "expected": args.iter().map(Arg::name).collect::<Vec<_>>() };
    let message = format!("Wrong type passed:\n{{\n{}\n}}", wrong.join(",\n"));
    Err(Code::Type.error(message).with_data(data))
}

/// The type that was expected, if the value has another.
fn mismatch(arg: &Arg, value: &Value) -> Option<&'static str> {
    let is_either = matches!(arg.kind, Kind::Any | Kind::Coins);
    match value {
        Value::Null if is_either => arg.is_required.then_some("number or string"),
        Value::Null => arg.is_required.then_some(arg.kind.json_name()),
        value => {
            let fits = is_either || type_name(value) == arg.kind.json_name();
            (!fits).then_some(arg.kind.json_name())
        }
    }
}

impl Kind {
    /// Its name in JSON and in `help`.
    pub const fn json_name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Coins => "amount",
            Self::Flag => "bool",
            Self::Fields => "object",
            Self::List => "array",
            Self::Any => "any",
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Base units of a decimal, which JSON may write with an exponent (`1e-8`). No floats: the digits
/// are moved, and less than one unit is rejected.
fn decimal_units(text: &str) -> Option<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let dropped = digits.len() - significant.len();
    let shift = 8 + i64::from(exponent) + dropped as i64 - fraction.len() as i64;
    significant.parse::<u64>().ok()?.checked_mul(10_u64.checked_pow(u32::try_from(shift).ok()?)?)
}

#[cfg(test)]
mod tests;
