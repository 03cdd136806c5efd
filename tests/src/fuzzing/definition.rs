//! Chain definitions: a text makes no chain, or one whose own words make the same chain.

use cairn_genesis::Chain;

/// A text is refused with a sentence, or its chain, written out, has the same identity.
///
/// # Panics
/// When it does not hold.
pub fn definition(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Chain::from_toml(text) {
        Ok(chain) => {
            let written = chain.definition.to_string();
            let again = Chain::from_toml(&written).unwrap_or_else(|error| panic!("{error} in {written}"));
            assert_eq!(again.params, chain.params);
            assert_eq!(again.genesis, chain.genesis);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
