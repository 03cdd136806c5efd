//! Settings of a node. A flag wins over the environment variable of the setting, the variable over the file, the file
//! over the default.

pub mod host;
pub mod layers;
pub mod settings;

#[cfg(test)]
mod tests;
