//! Cairn's directory for this user: one meaning for node, devnet, `cairn net` and wallet.

use std::path::PathBuf;

/// The variable that names the directory.
pub const VARIABLE: &str = "CAIRN_HOME";

/// There is no directory that every program would mean.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeError {
    /// Neither the variable nor the system names one.
    #[error(
        "this user has no home directory: set CAIRN_HOME to the directory where Cairn may keep its files"
    )]
    Unknown,
    /// The variable means another directory wherever the program is started.
    #[error(
        "CAIRN_HOME is {found:?}: expected an absolute path, so that programs in other directories find the same home"
    )]
    Relative { found: PathBuf },
}

/// The directory that `CAIRN_HOME` names, else `~/.cairn`. An empty variable counts as one that is not set,
/// as in the XDG Base Directory Specification.
///
/// # Errors
/// When the variable is relative, or there is no home directory.
pub fn home() -> Result<PathBuf, HomeError> {
    home_of(std::env::var_os(VARIABLE).map(PathBuf::from), std::env::home_dir())
}

fn home_of(named: Option<PathBuf>, user: Option<PathBuf>) -> Result<PathBuf, HomeError> {
    let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
    match named.filter(is_set) {
        Some(found) if found.is_relative() => Err(HomeError::Relative { found }),
        Some(named) => Ok(named),
        None => user.filter(is_set).map(|user| user.join(".cairn")).ok_or(HomeError::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_unless_it_is_empty_and_must_be_absolute() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(home_of(path("/a"), path("/u")), Ok(PathBuf::from("/a")));
        assert_eq!(home_of(None, path("/u")), Ok(PathBuf::from("/u/.cairn")));
        assert_eq!(home_of(path(""), path("/u")), Ok(PathBuf::from("/u/.cairn")));
        assert_eq!(home_of(path("a"), path("/u")), Err(HomeError::Relative { found: PathBuf::from("a") }));
        assert_eq!(home_of(None, path("")), Err(HomeError::Unknown));
    }
}
