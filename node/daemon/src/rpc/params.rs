//! Arguments: by position or by name, of the declared type, read out as what they mean.

use std::str::FromStr;

use cairn_core::amount::Amount;
use serde_json::{Map, Value};

use crate::rpc::envelope::Arguments;
use crate::rpc::error::{Code, RpcError};
use crate::rpc::json::object;

/// The JSON type that an argument must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// An integer.
    Number,
    /// Coins, as number or string.
    Coins,
    /// True or false.
    Flag,
    /// An object.
    Fields,
    /// An array.
    List,
    /// Several types have a meaning; the method looks itself.
    Any,
}

/// One argument that a method takes.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name; older names after `|`.
    pub names: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether the call fails without it.
    pub required: bool,
}

/// An argument that must be there.
pub const fn required(names: &'static str, kind: Kind) -> Arg {
    Arg { names, kind, required: true }
}

/// An argument that may be left out or null.
pub const fn optional(names: &'static str, kind: Kind) -> Arg {
    Arg { names, kind, required: false }
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
    /// `None` when their number is wrong (the caller answers with the method's help);
    /// [`Code::InvalidParameter`] for names, [`Code::Type`] for types.
    pub fn bind(args: &'static [Arg], arguments: Arguments) -> Result<Self, Option<RpcError>> {
        let values = match arguments {
            Arguments::Positional(values) => values,
            Arguments::Named(named) => in_order(args, named)?,
        };
        let needed = args.iter().rposition(|arg| arg.required).map_or(0, |last| last + 1);
        if values.len() < needed || values.len() > args.len() {
            return Err(None);
        }
        check_types(args, &values)?;
        Ok(Self { args, values })
    }

    /// The argument as it came; none when it was left out or null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let index = self.args.iter().position(|arg| first_name(arg) == name);
        let index = index.expect("a method reads only arguments that it declares");
        self.values.get(index).filter(|value| !value.is_null())
    }

    /// A string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A flag.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// A whole number that fits.
    ///
    /// # Errors
    /// [`Code::Misc`] for a fraction or a number out of range, as Bitcoin Core answers.
    pub fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<Option<T>, RpcError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        whole(name, value).map(Some)
    }

    /// A level of detail: a small number, or a flag that stands for 0 or 1.
    ///
    /// # Errors
    /// [`Code::Type`] when it is neither.
    pub fn verbosity(&self, name: &str, default: u8) -> Result<u8, RpcError> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(verbose)) => Ok(u8::from(*verbose)),
            Some(value @ Value::Number(_)) => Ok(whole::<i64>(name, value)?.clamp(0, 255) as u8),
            Some(other) => Err(RpcError::new(Code::Type, expected("number", other))),
        }
    }

    /// An amount in coins.
    ///
    /// # Errors
    /// [`Code::Type`], as Bitcoin Core answers.
    pub fn coins(&self, name: &str) -> Result<Option<Amount>, RpcError> {
        let text = match self.get(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => return Err(RpcError::new(Code::Type, "Amount is not a number or string")),
        };
        let invalid = || RpcError::new(Code::Type, format!("Invalid amount: {name} is {text:?}"));
        decimal_units(&text).map(Amount::from_units).ok_or_else(invalid).map(Some)
    }

    /// A 32-byte id in hex.
    ///
    /// # Errors
    /// [`Code::InvalidParameter`] with Bitcoin Core's two sentences.
    pub fn hash<H: FromStr>(&self, name: &str) -> Result<Option<H>, RpcError> {
        self.text(name).map(|text| hash(name, text)).transpose()
    }

    /// What stands in an argument that must be there: the bound types leave no other case.
    pub fn must<T>(value: Option<T>) -> T {
        value.expect("required arguments were checked when they were bound")
    }
}

/// Reads a 32-byte id that came as text.
///
/// # Errors
/// [`Code::InvalidParameter`] with Bitcoin Core's two sentences.
pub fn hash<H: FromStr>(name: &str, text: &str) -> Result<H, RpcError> {
    text.parse().map_err(|_| {
        RpcError::invalid_parameter(match text.len() {
            64 => format!("{name} must be hexadecimal string (not '{text}')"),
            found => format!("{name} must be of length 64 (not {found}, for '{text}')"),
        })
    })
}

/// Reads a whole number that fits.
///
/// # Errors
/// [`Code::Type`] when it is no number, [`Code::Misc`] when it does not fit.
pub fn whole<T: TryFrom<i64>>(name: &str, value: &Value) -> Result<T, RpcError> {
    if !value.is_number() {
        return Err(RpcError::new(Code::Type, expected("number", value)));
    }
    let fits = value.as_i64().and_then(|number| T::try_from(number).ok());
    fits.ok_or_else(|| RpcError::new(Code::Misc, format!("JSON integer out of range: {name} is {value}")))
}

/// Bitcoin Core's sentence for a value of the wrong type.
pub fn expected(kind: &str, found: &Value) -> String {
    format!("JSON value of type {} is not of expected type {kind}", type_name(found))
}

fn first_name(arg: &Arg) -> &'static str {
    arg.names.split('|').next().unwrap_or(arg.names)
}

/// Named arguments in the declared order. Holes before the last given one become null.
fn in_order(args: &[Arg], mut named: Map<String, Value>) -> Result<Vec<Value>, RpcError> {
    let mut values = match named.remove("args") {
        None => Vec::new(),
        Some(Value::Array(values)) => values,
        Some(other) => return Err(RpcError::new(Code::Type, expected("array", &other))),
    };
    let positional = values.len();
    for (index, arg) in args.iter().enumerate() {
        let mut given = arg.names.split('|').filter_map(|name| Some((name, named.remove(name)?)));
        let Some((name, value)) = given.next() else { continue };
        if given.next().is_some() {
            return Err(RpcError::invalid_parameter(format!("Parameter {name} specified multiple times")));
        }
        if index < positional {
            let message = format!("Parameter {name} specified twice both as positional and named argument");
            return Err(RpcError::invalid_parameter(message));
        }
        values.resize(index, Value::Null);
        values.push(value);
    }
    match named.keys().next() {
        Some(unknown) => Err(RpcError::invalid_parameter(format!("Unknown named parameter {unknown}"))),
        None => Ok(values),
    }
}

fn check_types(args: &[Arg], values: &[Value]) -> Result<(), RpcError> {
    let wrong: Vec<String> = (args.iter().zip(values).enumerate())
        .filter_map(|(index, (arg, value))| {
            let kind = mismatch(arg, value)?;
            let text = expected(kind, value);
            Some(format!("    \"Position {} ({})\": \"{text}\"", index + 1, first_name(arg)))
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let data = object! { "expected": args.iter().map(first_name).collect::<Vec<_>>() };
    let message = format!("Wrong type passed:\n{{\n{}\n}}", wrong.join(",\n"));
    Err(RpcError::new(Code::Type, message).with_data(data))
}

/// The type that was expected, if the value has another.
fn mismatch(arg: &Arg, value: &Value) -> Option<&'static str> {
    if value.is_null() {
        return arg.required.then_some(match arg.kind {
            Kind::Any | Kind::Coins => "number or string",
            kind => kind.json_name(),
        });
    }
    let fits = match arg.kind {
        Kind::Text => value.is_string(),
        Kind::Number => value.is_number(),
        Kind::Flag => value.is_boolean(),
        Kind::Fields => value.is_object(),
        Kind::List => value.is_array(),
        Kind::Coins | Kind::Any => true,
    };
    (!fits).then_some(arg.kind.json_name())
}

impl Kind {
    /// What JSON calls it.
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
/// are moved, and what would be less than one unit is refused.
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
