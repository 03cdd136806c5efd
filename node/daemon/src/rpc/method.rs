//! A method: its name, its arguments, what it does, and the function that does it.

use futures::future::BoxFuture;

use crate::rpc::access::Rpc;
use crate::rpc::error::{Code, RpcError, RpcResult};
use crate::rpc::params::{Arg, Kind, Params};

/// The function behind a method.
pub type Handler = fn(Rpc, Params) -> BoxFuture<'static, RpcResult>;

/// One method, as `help` shows it and as calls reach it.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name, Bitcoin Core's where that has the same method.
    pub name: &'static str,
    /// Its group in `help`.
    pub category: &'static str,
    /// What it takes.
    pub args: &'static [Arg],
    /// What it does, in a sentence or two.
    pub summary: &'static str,
    /// What does it.
    pub call: Handler,
}

/// Writes down a file's methods: `"name" [arguments] "what it does" => function;`.
macro_rules! methods {
    ($category:literal: $($name:literal [$($arg:expr),* $(,)?] $summary:literal => $call:path;)*) => {
        /// The methods of this file.
        pub const METHODS: &[$crate::rpc::method::Method] = &[$($crate::rpc::method::Method {
            name: $name,
            category: $category,
            args: &[$($arg),*],
            summary: $summary,
            call: |rpc, params| Box::pin($call(rpc, params)),
        }),*];
    };
}
pub(crate) use methods;

impl Method {
    /// Name and arguments in one line, in Bitcoin Core's notation: `getblock "blockhash" ( verbosity )`.
    pub fn usage(&self) -> String {
        let mut line = self.name.to_owned();
        let mut optional = false;
        for arg in self.args {
            if optional == arg.required {
                line += if optional { " )" } else { " (" };
                optional = !optional;
            }
            line += " ";
            line += &shown(arg);
        }
        if optional {
            line += " )";
        }
        line
    }

    /// The whole help text.
    pub fn help(&self) -> String {
        let mut text = format!("{}\n\n{}\n", self.usage(), self.summary);
        if !self.args.is_empty() {
            text += "\nArguments:\n";
        }
        for (index, arg) in self.args.iter().enumerate() {
            let need = if arg.required { "required" } else { "optional" };
            let names = arg.names.replace('|', ", or by its older name ");
            text += &format!("{}. {names} ({}, {need})\n", index + 1, arg.kind.json_name());
        }
        text
    }

    /// The error for a call with too few or too many arguments: the help text, as Bitcoin Core does.
    pub fn wrong_number_of_arguments(&self) -> RpcError {
        RpcError::new(Code::Misc, self.help())
    }
}

fn shown(arg: &Arg) -> String {
    let name = arg.names.split('|').next().unwrap_or(arg.names);
    match arg.kind {
        Kind::Text => format!("\"{name}\""),
        Kind::List => format!("[{name},...]"),
        Kind::Fields => format!("{{{name}}}"),
        Kind::Number | Kind::Coins | Kind::Flag | Kind::Any => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::json::json;
    use crate::rpc::params::{optional, required};

    async fn nothing(_: Rpc, _: Params) -> RpcResult {
        Ok(json(&()))
    }

    methods! { "Test":
        "one" [required("a", Kind::Text), optional("b|old", Kind::Number), optional("c", Kind::List)]
            "Does one thing." => nothing;
        "two" [] "Does another." => nothing;
    }

    #[test]
    fn usage_follows_bitcoin_cores_notation() {
        let usages: Vec<String> = METHODS.iter().map(Method::usage).collect();
        assert_eq!(usages, ["one \"a\" ( b [c,...] )", "two"]);
    }

    #[test]
    fn help_names_every_argument_with_type_and_need() {
        let help = METHODS[0].help();
        assert!(help.contains("1. a (string, required)\n"), "{help}");
        assert!(help.contains("2. b, or by its older name old (number, optional)\n"), "{help}");
    }
}
