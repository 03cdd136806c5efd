//! The blocks of the picture: the latest few thousand, and when each reached which node.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

/// Blocks kept; the oldest go first. At about 400 bytes each, and a few for every node.
pub const KEPT: usize = 3_000;

/// A block, as the page gets it.
#[derive(Clone, Debug)]
struct Seen {
    values: Value,
    /// Which node got it when, and from which.
    got: Vec<(u16, u64, Option<u16>)>,
}

/// Blocks by hash, and the order in which they came.
#[derive(Debug, Default)]
pub struct Blocks {
    seen: BTreeMap<String, Seen>,
    order: VecDeque<String>,
}

impl Blocks {
    /// A node told of a block it connected, or showed it on its page. Returns its values if nobody
    /// told of it before.
    pub fn add(&mut self, told: &Value, at: u64) -> Option<Value> {
        let hash = told["hash"].as_str()?;
        if self.seen.contains_key(hash) {
            return None;
        }
        let tag = told["tag"].as_str().unwrap_or_default();
        let values = json!({
            "hash": hash,
            "previous": told.get("previousblockhash").unwrap_or(&told["previous"]),
            "height": told["height"],
            "time_ms": told["time_ms"],
            "at_ms": at,
            "chainwork": told["chainwork"],
            "transactions": told.get("nTx").unwrap_or(&told["tx"]),
            "size": told["size"],
            "miner": tag.strip_prefix("node ").and_then(|number| number.parse::<u16>().ok()),
            "tag": tag,
        });
        self.seen.insert(hash.to_owned(), Seen { values: values.clone(), got: Vec::new() });
        self.order.push_back(hash.to_owned());
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        Some(values)
    }

    /// A node got a block. Says whether that is news: a reorganisation connects blocks that a node
    /// has had for long.
    pub fn got(&mut self, node: u16, hash: &str, from: Option<u16>, at: u64) -> bool {
        let Some(seen) = self.seen.get_mut(hash) else { return false };
        if seen.got.iter().any(|(other, ..)| *other == node) {
            return false;
        }
        seen.got.push((node, at, from));
        true
    }

    /// So many of the latest, in the order in which they came.
    pub fn picture(&self, most: usize) -> Vec<Value> {
        let skipped = self.order.len().saturating_sub(most);
        let seen = self.order.iter().skip(skipped).filter_map(|hash| self.seen.get(hash));
        let one = |seen: &Seen| {
            let mut values = seen.values.clone();
            values["got"] = json!(seen.got);
            values
        };
        seen.map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(number: usize) -> Value {
        json!({ "hash": number.to_string(), "previousblockhash": "p", "height": number, "tag": "node 3" })
    }

    #[test]
    fn a_block_is_news_once_and_so_is_its_arrival_at_each_node() {
        let mut blocks = Blocks::default();
        let values = blocks.add(&told(7), 5).expect("news");
        assert_eq!((&values["miner"], &values["at_ms"]), (&json!(3), &json!(5)));
        assert!(blocks.add(&told(7), 6).is_none());
        assert!(
            blocks.got(1, "7", Some(3), 8) && !blocks.got(1, "7", None, 9) && blocks.got(2, "7", None, 9)
        );
        assert!(!blocks.got(1, "unheard of", None, 9));
        assert_eq!(blocks.picture(KEPT)[0]["got"], json!([[1, 8, 3], [2, 9, null]]));
    }

    #[test]
    fn one_block_too_many_pushes_out_the_oldest() {
        let mut blocks = Blocks::default();
        (0..=KEPT).for_each(|number| drop(blocks.add(&told(number), 0)));
        let picture = blocks.picture(usize::MAX);
        assert_eq!((picture.len(), &picture[0]["hash"]), (KEPT, &json!("1")));
        assert!(!blocks.got(0, "0", None, 0));
        assert_eq!(blocks.picture(1)[0]["hash"], json!(KEPT.to_string()));
    }

    #[test]
    fn a_strangers_tag_names_no_node() {
        let mut blocks = Blocks::default();
        let told = json!({ "hash": "a", "tag": "node <b>" });
        assert_eq!(blocks.add(&told, 0).expect("news")["miner"], Value::Null);
    }
}
