//! The scenarios that come with the program.

use std::sync::LazyLock;

use cairn_simulator::plan::Plan;
use cairn_simulator::scenario;
use rust_embed::RustEmbed;
use serde::Serialize;

/// The list is asked for without the token, and every file must be parsed for it: once.
static LIST: LazyLock<String> = LazyLock::new(|| {
    let entries: Vec<Entry> = plans().map(Entry::from).collect();
    serde_json::to_string(&entries).expect("entries have text keys")
});

/// A scenario in the list of the page.
#[derive(Serialize)]
struct Entry {
    name: String,
    teaches: String,
    nodes: u16,
    /// Number of steps of the plan.
    steps: usize,
    /// Longest duration in its world's time.
    lasts_ms: u64,
}

impl From<Plan> for Entry {
    fn from(plan: Plan) -> Self {
        Self {
            nodes: plan.nodes(),
            steps: plan.steps.len(),
            lasts_ms: plan.stop.after.as_millis() as u64,
            name: plan.name,
            teaches: plan.teaches,
        }
    }
}

#[derive(RustEmbed)]
#[folder = "../tests/scenarios/"]
struct Files;

/// The plan of this name.
pub fn find(name: &str) -> Option<Plan> {
    plans().find(|plan| plan.name == name)
}

/// All of them, as the page gets them: a JSON array.
pub fn list() -> &'static str {
    &LIST
}

fn plans() -> impl Iterator<Item = Plan> {
    let texts = Files::iter().filter(|name| name.ends_with(".toml")).filter_map(|name| Files::get(&name));
    texts.filter_map(|file| scenario::parse(std::str::from_utf8(&file.data).ok()?).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_file_that_is_built_in_is_a_scenario_with_a_sentence_on_what_it_teaches() {
        let list: Value = serde_json::from_str(list()).expect("JSON");
        let list = list.as_array().expect("a list");
        assert!(list.len() >= 10 && list.len() == Files::iter().count(), "{}", list.len());
        assert!(list.iter().all(|one| one["teaches"].as_str().is_some_and(|teaches| teaches.len() > 20)));
    }

    #[test]
    fn what_is_not_built_in_is_not_found() {
        assert!(find("split-brain").is_some());
        assert!(find("../split-brain").is_none());
    }
}
