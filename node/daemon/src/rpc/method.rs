//! A method: its name, its arguments, what it does, and the function that does it. The files of methods take from
//! here what they all need.

use std::future::Future;

use futures::future::BoxFuture;
use serde::Serialize;

pub use crate::rpc::access::{Rpc, aside};
pub use crate::rpc::error::{Code, RpcError, RpcResult};
pub(crate) use crate::rpc::json::object;
pub use crate::rpc::json::{Coins, Json, Object, Text, json};
use crate::rpc::params::{Arg, Argument, Kind, Params};

/// The effect of a call, which decides whether a plain GET may call the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing, waits for nothing, and looks at no more than a block, a page of a list or the mempool: a
    /// GET may call it.
    Reads,
    /// Changes nothing, but waits for something or works for long: a page that is closed would leave it running.
    TakesLong,
    /// Changes something, or would if it were what it is in Bitcoin Core.
    Changes,
}

/// One method, as `help` shows it and as calls reach it.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name, Bitcoin Core's where that has the same method.
    pub name: &'static str,
    /// Its group in `help`.
    pub category: &'static str,
    pub effect: Effect,
    pub args: &'static [Arg],
    /// What it does, in a sentence or two.
    pub summary: &'static str,
    pub call: fn(Rpc, Params) -> BoxFuture<'static, RpcResult>,
}

/// Declares a file's methods: `Effect "name" [names of arguments] "what it does" => function;`. The function's
/// parameters say which type each argument has and whether it can be left out.
macro_rules! methods {
    ($category:literal: $($effect:ident $name:literal [$($arg:literal),*] $summary:literal => $call:path;)*) => {
        /// The methods of this file.
        pub const METHODS: &[$crate::rpc::method::Method] = &[$($crate::rpc::method::Method {
            name: $name,
            category: $category,
            effect: $crate::rpc::method::Effect::$effect,
            args: &const {
                $crate::rpc::params::Arg::named([$($arg),*], $crate::rpc::method::args_of(&$call))
            },
            summary: $summary,
            call: |rpc, params| $crate::rpc::method::Handler::call($call, rpc, params),
        }),*];
    };
}
pub(crate) use methods;

/// A function behind a method: `async fn(Rpc, arguments…) -> RpcResult<T>`.
pub trait Handler<Args>: Sized {
    /// Its arguments in order, without names.
    const ARGS: &'static [Arg];

    /// Reads the arguments, calls the function and writes down its result.
    fn call(self, rpc: Rpc, params: Params) -> BoxFuture<'static, RpcResult>;
}

/// The arguments of a function behind a method.
pub const fn args_of<Args, H: Handler<Args>>(_: &H) -> &'static [Arg] {
    H::ARGS
}

macro_rules! handler {
    ($($arg:ident $index:literal),*) => {
        impl<F, Fut, T, $($arg),*> Handler<($($arg,)*)> for F
        where
            F: FnOnce(Rpc, $($arg),*) -> Fut + Send + 'static,
            Fut: Future<Output = RpcResult<T>> + Send,
            T: Serialize + Send,
            $($arg: Argument + Send,)*
        {
            const ARGS: &'static [Arg] = &[$(Arg::of::<$arg>()),*];

            fn call(self, rpc: Rpc, params: Params) -> BoxFuture<'static, RpcResult> {
                let _ = &params;
                Box::pin(async move { Ok(json(&self(rpc, $(params.read::<$arg>($index)?),*).await?)) })
            }
        }
    };
}

handler!();
handler!(A 0);
handler!(A 0, B 1);
handler!(A 0, B 1, C 2);
handler!(A 0, B 1, C 2, D 3);

impl Method {
    /// Name and arguments in one line, in Bitcoin Core's notation: `getblock "blockhash" ( verbosity )`.
    pub fn usage(&self) -> String {
        let mut line = self.name.to_owned();
        let mut is_optional = false;
        for arg in self.args {
            if is_optional == arg.is_required {
                line += if is_optional { " )" } else { " (" };
                is_optional = !is_optional;
            }
            line += " ";
            line += &shown(arg);
        }
        if is_optional {
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
            let need = if arg.is_required { "required" } else { "optional" };
            let names = arg.names.replace('|', ", or by its older name ");
            text += &format!("{}. {names} ({}, {need})\n", index + 1, arg.kind.json_name());
        }
        text
    }

    /// The error for a call with too few or too many arguments: the help text, as Bitcoin Core does.
    pub fn wrong_number_of_arguments(&self) -> RpcError {
        Code::Misc.error(self.help())
    }
}

fn shown(arg: &Arg) -> String {
    let name = arg.name();
    match arg.kind {
        Kind::Text => format!("\"{name}\""),
        Kind::List => format!("[{name},...]"),
        Kind::Fields => format!("{{{name}}}"),
        Kind::Number | Kind::Coins | Kind::Flag | Kind::Any => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    async fn nothing(_: Rpc) -> RpcResult<()> {
        Ok(())
    }

    async fn anything(_: Rpc, _: String, _: Option<u32>, _: Option<Vec<Value>>) -> RpcResult<()> {
        Ok(())
    }

    methods! { "Test":
        Reads "one" ["a", "b|old", "c"] "Does one thing." => anything;
        Changes "two" [] "Does another." => nothing;
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
