//! Fenced blocks of a text, and what is a command in them.

use std::path::{Path, PathBuf};

/// What a command line begins with, after an optional `$ `.
const PROGRAMS: [&str; 5] = ["cairn ", "cairn-wallet ", "cargo ", "tests/run", ".ci/run"];

/// A fenced block.
pub struct Block {
    /// Its file, from the root of the repository.
    pub file: PathBuf,
    /// The number of the line that opens it.
    pub line: usize,
    /// The word after the fence, as `toml`.
    pub kind: String,
    /// Its lines.
    pub lines: Vec<String>,
}

/// A command, and what the text shows of its output.
pub struct Command {
    /// As a person would type it, continued lines joined.
    pub text: String,
    /// The lines below it.
    pub shown: Vec<String>,
}

impl Block {
    /// The fenced blocks of a file.
    pub fn all_of(root: &Path, file: &Path) -> Vec<Self> {
        let text = std::fs::read_to_string(root.join(file)).expect("a text");
        let (mut blocks, mut open) = (Vec::new(), None::<Self>);
        for (line, content) in (1..).zip(text.lines()) {
            match (content.trim_start().strip_prefix("```"), open.as_mut()) {
                (Some(kind), None) => {
                    let kind = kind.trim().to_owned();
                    open = Some(Self { file: file.to_owned(), line, kind, lines: Vec::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => block.lines.push(content.to_owned()),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", file.display());
        blocks
    }

    /// Where it is, for a person.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }

    /// Its first line.
    pub fn first_line(&self) -> &str {
        self.lines.first().map_or("", String::as_str)
    }

    /// The commands in it; none when it holds something else.
    pub fn commands(&self) -> Vec<Command> {
        let shows_output = self.lines.iter().any(|line| line.starts_with("$ "));
        let mut commands: Vec<Command> = Vec::new();
        let mut is_continued = false;
        for line in &self.lines {
            let typed = match shows_output {
                true => line.strip_prefix("$ "),
                false => PROGRAMS.iter().any(|name| line.starts_with(name)).then_some(line.as_str()),
            };
            match (typed, commands.last_mut()) {
                (None, Some(last)) if is_continued => last.text += &format!("\n{line}"),
                (Some(text), _) => commands.push(Command { text: text.to_owned(), shown: Vec::new() }),
                (None, Some(last)) if shows_output => last.shown.push(line.clone()),
                // A line that is no command: the block is something else, and must be named as that.
                (None, _) if line.trim().is_empty() => {}
                (None, _) => return Vec::new(),
            }
            is_continued = line.ends_with('\\');
        }
        commands
    }
}

/// A line without what differs from run to run: numbers, hashes and addresses are `#`, and so are the words
/// of a table that tell a node's state.
pub fn shape(line: &str) -> String {
    const STATES: [&str; 4] = ["less work than the best", "syncing", "idle", "-"];
    let mut words: Vec<String> = Vec::new();
    let line = STATES[..1].iter().fold(line.to_owned(), |line, state| line.replace(state, "-"));
    for word in line.split_whitespace() {
        let word = word.trim_end_matches(['.', ',', ':', ';']);
        let is_number = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
        let is_long_hex = word.trim_start_matches('…').len() >= 8
            && word.trim_start_matches('…').chars().all(|digit| digit.is_ascii_hexdigit());
        let is_address = word.contains("1q") && word.len() > 50;
        words.push(match () {
            () if is_number(word) || is_long_hex || is_address || STATES.contains(&word) => "#".to_owned(),
            () if word.starts_with('(') && is_number(&word[1..]) => "(#".to_owned(),
            // One block, two blocks.
            () => word.strip_suffix('s').unwrap_or(word).to_owned(),
        });
    }
    words.join(" ")
}

/// The first of the shown lines that is not among the told ones, which have to be in the same order.
pub fn missing<'s>(shown: &'s [String], told: &str) -> Option<&'s String> {
    let mut told = told.lines().map(shape);
    shown.iter().filter(|line| !line.trim().is_empty()).find(|line| !told.any(|found| found == shape(line)))
}
