//! Mnemonic: the 24 words that a person writes down, and the seed they stand for (BIP 39, English).

use std::collections::BTreeMap;

use bip39::Mnemonic;
use zeroize::Zeroizing;

/// Text does not hold the words of a wallet.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WordsError {
    /// BIP 39 knows 12, 15, 18, 21 and 24 words.
    #[error("{found} words were found; a wallet has 24 (12, 15, 18 and 21 are accepted too)")]
    Count { found: usize },
    /// A word is not in the list; positions count from 1.
    #[error("word {position} is not in the BIP 39 list, or is missing: check its spelling")]
    Unknown { position: usize },
    /// All are known, but they do not belong together.
    #[error("the words are known but their checksum does not fit: one is wrong or two are swapped")]
    Checksum,
    /// The bytes are not UTF-8 text.
    #[error("the words are not UTF-8 text: save the file as UTF-8")]
    NotText,
}

/// Words that `new` wrote, on one line or numbered.
const FULL: usize = 24;
/// As few words as a wallet can have.
const FEWEST: usize = 12;

/// Words of a wallet. They have no `Debug` or `Display`, and are wiped when dropped.
pub struct Words(Zeroizing<String>);

impl Words {
    /// 24 words of 256 bits from the system's generator.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut entropy = Zeroizing::new([0u8; 32]);
        getrandom::fill(entropy.as_mut())?;
        Ok(Self::from_entropy(&entropy))
    }

    /// The 24 words of 256 given bits.
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        let mnemonic = Mnemonic::from_entropy(entropy).expect("256 bits are a length that BIP 39 allows");
        Self(Zeroizing::new(mnemonic.to_string()))
    }

    /// Reads words as a person typed them or as `new` printed them: any case, with numbers and punctuation,
    /// between other text. Numbered words are taken in the order of their numbers.
    ///
    /// # Errors
    /// Every variant of [`WordsError`] but `NotText`.
    pub fn parse(text: &str) -> Result<Self, WordsError> {
        let text = Zeroizing::new(text.to_lowercase());
        let tokens: Vec<&str> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty()).collect();
        let words = match numbered(&tokens) {
            words if words.len() >= FEWEST => in_order_of_numbers(&words)?,
            _ => unnumbered(&tokens)?,
        };
        let joined = Zeroizing::new(words.join(" "));
        match Mnemonic::parse_in_normalized(bip39::Language::English, &joined) {
            Ok(_) => Ok(Self(joined)),
            Err(bip39::Error::InvalidChecksum) => Err(WordsError::Checksum),
            Err(_) => Err(WordsError::Count { found: words.len() }),
        }
    }

    /// The same of bytes that were read from a file.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, WordsError> {
        Self::parse(std::str::from_utf8(bytes).map_err(|_| WordsError::NotText)?)
    }

    /// Whether this is all that `new` prints, so that nothing more is waited for.
    pub fn is_full(&self) -> bool {
        self.0.split(' ').count() == FULL
    }

    /// The words, one space between them.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64-byte seed; the optional BIP 39 passphrase is left empty.
    pub fn seed(&self) -> Zeroizing<[u8; 64]> {
        self.seed_with("")
    }

    /// The seed with a BIP 39 passphrase.
    fn seed_with(&self, passphrase: &str) -> Zeroizing<[u8; 64]> {
        let mnemonic = Mnemonic::parse_in_normalized(bip39::Language::English, &self.0)
            .expect("only words that parsed are kept");
        Zeroizing::new(mnemonic.to_seed_normalized(passphrase))
    }
}

fn is_listed(token: &str) -> bool {
    bip39::Language::English.find_word(token).is_some()
}

/// Words of the list that stand behind their number, as in "3. zoo"; where two have one number, the first.
fn numbered<'a>(tokens: &[&'a str]) -> BTreeMap<usize, &'a str> {
    let mut words = BTreeMap::new();
    for (number, word) in tokens.iter().zip(tokens.iter().skip(1)) {
        if let Ok(number @ 1..=FULL) = number.parse()
            && is_listed(word)
        {
            words.entry(number).or_insert(*word);
        }
    }
    words
}

fn in_order_of_numbers<'a>(words: &BTreeMap<usize, &'a str>) -> Result<Vec<&'a str>, WordsError> {
    match (1..).zip(words.keys()).find(|(expected, found)| expected != *found) {
        Some((position, _)) => Err(WordsError::Unknown { position }),
        None => Ok(words.values().copied().collect()),
    }
}

/// All words; or, between other text, the 24 in a row that are in the list. A shorter row is not taken:
/// a misspelt word in the middle of 24 would leave one that could be another wallet's.
fn unnumbered<'a>(tokens: &[&'a str]) -> Result<Vec<&'a str>, WordsError> {
    let words: Vec<&str> = tokens.iter().copied().filter(|token| token.parse::<usize>().is_err()).collect();
    let Some(unknown) = words.iter().position(|word| !is_listed(word)) else { return Ok(words) };
    let mut rows = words.split(|word| !is_listed(word)).filter(|row| row.len() == FULL);
    match (rows.next(), rows.next()) {
        (Some(only), None) => Ok(only.to_vec()),
        _ => Err(WordsError::Unknown { position: unknown + 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the vectors that BIP 39 refers to (trezor/python-mnemonic, vectors.json), 256 bits each.
    const VECTORS: [(&str, &str, &str); 3] = [
        (
            "0000000000000000000000000000000000000000000000000000000000000000",
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
            "bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8",
        ),
        (
            "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
            "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title",
            "bc09fca1804f7e69da93c2f2028eb238c227f2e9dda30cd63699232578480a4021b146ad717fbb7e451ce9eb835f43620bf5c514db0f8add49f5d121449d3e87",
        ),
        (
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
            "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e1613912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05a69890ad",
        ),
    ];

    #[test]
    fn words_and_seeds_are_those_of_the_bip_39_vectors() {
        for (entropy, words, seed) in VECTORS {
            let entropy: [u8; 32] = hex::decode(entropy).expect("hex").try_into().expect("32 bytes");
            let made = Words::from_entropy(&entropy);
            assert_eq!(made.as_str(), words);
            assert_eq!(hex::encode(*made.seed_with("TREZOR")), seed);
        }
    }

    #[test]
    fn typed_words_are_read_in_any_case_and_spacing() {
        let shouted = VECTORS[1].1.to_uppercase().replace(' ', "\n  ");
        assert_eq!(
            Words::parse(&shouted).map(|words| words.as_str().to_owned()),
            Ok(VECTORS[1].1.to_owned())
        );
    }

    #[test]
    fn words_are_taken_as_new_prints_them_and_as_people_write_them_down() {
        let words: Vec<&str> = VECTORS[1].1.split(' ').collect();
        let numbered: Vec<String> =
            words.iter().enumerate().map(|(index, word)| format!("{:>4}. {word:<10}", index + 1)).collect();
        let rows: Vec<String> = numbered.chunks(6).map(|row| row.concat()).collect();
        let columns: Vec<String> =
            (0..12).map(|row| format!("{} {}", numbered[row], numbered[row + 12])).collect();
        let forms = [
            rows.join("\n"),
            format!(
                "These 24 words are the wallet. Write them down now: they are not shown again.\n\n{}\n\n\
                 wallet   main (/home/11 again/wallets/main.json)\naddress  dev1qq9zoo1art3\nnext     balance\n",
                rows.join("\r\n")
            ),
            columns.join("\n"),
            words.join(", "),
            format!("\u{feff}{}\r\n", words.join("\n")),
            format!("1) {}", words.join(";\t").to_uppercase()),
            serde_json::json!({ "wallet": "main", "address": "dev1art", "words": VECTORS[1].1 }).to_string(),
            format!("my words are: {} (of the second wallet)", VECTORS[1].1),
        ];
        for form in forms {
            assert_eq!(
                Words::parse(&form).map(|it| it.as_str().to_owned()),
                Ok(VECTORS[1].1.to_owned()),
                "{form}"
            );
        }
    }

    #[test]
    fn half_of_the_words_around_a_misspelt_one_is_never_taken_for_a_wallet_of_twelve() {
        // Every word before the thirteenth is a whole wallet of twelve, checksum included.
        let twelve =
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
        assert!(Words::parse(twelve).is_ok());
        let spoilt = format!("{twelve} zooo {}", ["zoo"; 11].join(" "));
        assert_eq!(Words::parse(&spoilt).err(), Some(WordsError::Unknown { position: 13 }));
        let numbered: String =
            spoilt.split(' ').enumerate().map(|(index, word)| format!("{}. {word}\n", index + 1)).collect();
        assert_eq!(Words::parse(&numbered).err(), Some(WordsError::Unknown { position: 13 }));
    }

    #[test]
    fn a_misspelt_word_is_named_by_its_place() {
        let misspelt = VECTORS[2].1.replacen("zoo", "zooo", 1);
        assert_eq!(Words::parse(&misspelt).err(), Some(WordsError::Unknown { position: 1 }));
    }

    #[test]
    fn a_wrong_word_fails_the_checksum() {
        let wrong = VECTORS[0].1.replace(" art", " zoo");
        assert_eq!(Words::parse(&wrong).err(), Some(WordsError::Checksum));
    }

    #[test]
    fn a_missing_word_is_told_by_count() {
        let short = VECTORS[0].1.replace(" art", "");
        assert_eq!(Words::parse(&short).err(), Some(WordsError::Count { found: 23 }));
    }

    #[test]
    fn two_new_wallets_never_share_words() {
        let (one, two) = (Words::generate().expect("randomness"), Words::generate().expect("randomness"));
        assert_ne!(one.as_str(), two.as_str());
        assert_eq!(one.as_str().split(' ').count(), 24);
    }
}
