//! All of it on a screen.

use std::collections::BTreeSet;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Sparkline, Table, TableState};

use crate::devnet::groups::Groups;
use crate::top::keys::Hand;
use crate::top::scene::{Node, Scene};
use crate::top::tree;

/// Colours of tips. The hash beside them says the same to who cannot tell them apart.
const COLOURS: [Color; 6] =
    [Color::Cyan, Color::Yellow, Color::Magenta, Color::Green, Color::LightBlue, Color::LightRed];
/// What the keys do, in a line.
const KEYS: &str =
    "↑↓ choose  space mark  p cut marked off  h heal  k kill  r restart  m mine  < > rate  q quit";

/// Draws the scene; `said` is the last thing that a step answered.
pub fn draw(frame: &mut Frame<'_>, scene: &Scene, hand: &Hand, said: &str) {
    let [head, middle, below, line, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(6),
        Constraint::Length(5),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [nodes, blocks] = Layout::horizontal([Constraint::Length(47), Constraint::Min(20)]).areas(middle);
    let [agreement, marks] = Layout::horizontal([Constraint::Length(47), Constraint::Min(20)]).areas(below);
    let colours = Colours::of(scene);
    draw_head(frame, head, scene);
    draw_nodes(frame, nodes, scene, hand, &colours);
    draw_tree(frame, blocks, scene, &colours);
    draw_agreement(frame, agreement, scene);
    draw_marks(frame, marks, scene);
    frame.render_widget(Paragraph::new(said).style(Style::new().fg(Color::Yellow)), line);
    frame.render_widget(Paragraph::new(KEYS).style(Style::new().add_modifier(Modifier::DIM)), keys);
}

/// A colour for each tip, in the order of the nodes that have it.
struct Colours(Vec<String>);

impl Colours {
    fn of(scene: &Scene) -> Self {
        let mut seen = BTreeSet::new();
        let tips = scene.nodes.iter().filter(|node| node.is_up).map(|node| node.tip.clone());
        Self(tips.filter(|tip| seen.insert(tip.clone())).collect())
    }

    fn style(&self, tip: &str) -> Style {
        match self.0.iter().position(|other| other == tip) {
            Some(at) => Style::new().fg(COLOURS[at % COLOURS.len()]),
            None => Style::new().fg(Color::DarkGray),
        }
    }
}

/// The end of a hash: its beginning is zeros.
fn short(hash: &str) -> String {
    format!("…{}", hash.get(hash.len().saturating_sub(6)..).unwrap_or_default())
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let height = scene.nodes.iter().filter(|node| node.is_up).map(|node| node.height).max().unwrap_or(0);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let line = Line::from(vec![
        Span::styled(format!("cairn {}", scene.chain), bold),
        Span::raw(format!("  height {height}  ")),
        Span::styled(scene.agreement_in_words(), bold),
        Span::raw(format!("  groups {}", scene.groups_in_words())),
    ]);
    frame.render_widget(Paragraph::new(line), area);
}

fn draw_nodes(frame: &mut Frame<'_>, area: Rect, scene: &Scene, hand: &Hand, colours: &Colours) {
    let row = |node: &Node| {
        let mark = if hand.marked.contains(&node.id) { "*" } else { "" };
        let style = if node.is_up { colours.style(&node.tip) } else { Style::new().fg(Color::DarkGray) };
        let percent = node.percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"));
        let cells = match node.is_up {
            true => [
                format!("{mark}{}", node.id),
                Groups::letter(node.group).to_string(),
                node.height.to_string(),
                short(&node.tip),
                node.links.to_string(),
                node.mempool.to_string(),
                percent,
                node.phase.clone(),
            ],
            false => {
                let mut cells = [const { String::new() }; 8];
                cells[0] = format!("{mark}{}", node.id);
                cells[1] = Groups::letter(node.group).to_string();
                cells[7] = "down".to_owned();
                cells
            }
        };
        Row::new(cells.map(Cell::from)).style(style)
    };
    let widths = [4, 2, 6, 8, 5, 5, 6, 8].map(Constraint::Length);
    let table = Table::new(scene.nodes.iter().map(row), widths)
        .header(Row::new(["node", "", "height", "tip", "links", "txs", "rate", ""]))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .column_spacing(0)
        .block(Block::bordered().title("nodes"));
    let mut state = TableState::default().with_selected(hand.chosen);
    frame.render_stateful_widget(table, area, &mut state);
}

fn draw_tree(frame: &mut Frame<'_>, area: Rect, scene: &Scene, colours: &Colours) {
    let cell = |cell: &tree::Cell| {
        let miner = cell.miner.map_or_else(|| "?".to_owned(), |miner| miner.to_string());
        let mut text = format!("{} by {miner}", short(&cell.hash));
        if !cell.tips.is_empty() {
            text += &format!(" ◀{}", cell.tips.iter().map(u16::to_string).collect::<Vec<_>>().join(","));
        }
        let style = match (cell.is_best, cell.tips.is_empty()) {
            (_, false) => colours.style(&cell.hash),
            (true, true) => Style::new(),
            (false, true) => Style::new().fg(Color::DarkGray),
        };
        Span::styled(format!("{text:<24}"), style)
    };
    let line = |row: &tree::Row| {
        let mut spans = vec![Span::raw(format!("{:>6} ", row.height))];
        spans.extend(row.cells.iter().map(cell));
        Line::from(spans)
    };
    let lines: Vec<Line<'_>> = scene.rows.iter().take(usize::from(area.height)).map(line).collect();
    let title = "latest blocks, most work first; ◀ whose tip it is";
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title)), area);
}

fn draw_agreement(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let room = usize::from(area.width.saturating_sub(2));
    let from = scene.agreement.len().saturating_sub(room);
    let latest: Vec<u64> = scene.agreement.get(from..).unwrap_or_default().to_vec();
    let sparkline = Sparkline::default()
        .data(latest)
        .max(100)
        .style(Style::new().fg(Color::Cyan))
        .block(Block::bordered().title("agreement, change by change"));
    frame.render_widget(sparkline, area);
}

fn draw_marks(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let lines: Vec<Line<'_>> =
        scene.marks.iter().take(usize::from(area.height)).map(|text| Line::from(text.as_str())).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title("what happened")), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn screen(width: u16, height: u16) -> String {
        let view = json!({
            "chain": { "name": "devnet" },
            "groups": [[0, 1], [2]],
            "links": [[0, 1]],
            "nodes": [
                { "id": 0, "up": true, "tip": "00000aaaaaa", "height": 2, "mining": true, "percent": 100, "status": { "phase": "idle", "mempool": 3 } },
                { "id": 1, "up": false, "why_down": "killed", "tip": "00000aaaaaa", "height": 2 },
                { "id": 2, "up": true, "tip": "00000bbbbbb", "height": 2, "mining": false, "status": { "phase": "idle" } },
            ],
            "blocks": [
                { "hash": "00000cccccc", "previous": "g", "height": 1, "miner": 0, "chainwork": "01" },
                { "hash": "00000aaaaaa", "previous": "00000cccccc", "height": 2, "miner": 0, "chainwork": "03" },
                { "hash": "00000bbbbbb", "previous": "00000cccccc", "height": 2, "miner": null, "chainwork": "02" },
            ],
            "agreement": [[0, 2, 1], [5, 1, 2]],
            "marks": [{ "text": "cut: 0,1 / 2 no longer reach each other" }],
        });
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
        let scene = Scene::read(&view);
        terminal.draw(|frame| draw(frame, &scene, &Hand::default(), "healed")).expect("drawn");
        terminal.backend().to_string()
    }

    #[test]
    fn a_screen_shows_nodes_branches_whose_tip_is_where_and_what_happened() {
        let screen = screen(120, 24);
        for expected in [
            "cairn devnet  height 2  1 of 2 running nodes agree  groups 0,1 / 2",
            "2 …aaaaaa by 0 ◀0",
            "…bbbbbb by ? ◀2",
            "cut: 0,1 / 2 no longer reach each other",
            "healed",
            "down",
            "h heal",
        ] {
            assert!(screen.contains(expected), "{expected}\n{screen}");
        }
    }

    #[test]
    fn a_tiny_screen_is_no_fault() {
        for (width, height) in [(1, 1), (20, 5), (48, 10)] {
            assert!(!screen(width, height).is_empty());
        }
    }
}
