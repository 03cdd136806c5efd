//! All of it on a screen.

use std::collections::BTreeSet;

use cairn_core::hash::BlockHash;
use cairn_simulator::text::{duration, numbers};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState};

use crate::devnet::groups::Groups;
use crate::devnet::line::short;
use crate::devnet::view::Mark;
use crate::top::keys::Hand;
use crate::top::scene::{Node, Scene};
use crate::top::tree;

/// Colours of tips. The hash beside them says the same to who cannot tell them apart.
const COLOURS: [Color; 6] =
    [Color::Cyan, Color::Yellow, Color::Magenta, Color::Green, Color::LightBlue, Color::LightRed];
/// What the keys do, in a line, the way out first.
const KEYS: &str = "q quit  ↑↓ choose  space mark  p cut  h heal  k kill  r restart  m mine  <> rate";
/// The same where there is room.
const LONG_KEYS: &str = "q quit  ↑↓ choose a node  space mark it  p cut the marked off  h heal  \
                         k kill  r restart  m mine a block  < > hash rate";
/// Columns from which on there is room.
const WIDE: u16 = 110;
/// Columns below which nodes and blocks stand one above the other.
const NARROW: u16 = 62;
/// Columns of the nodes, with and without what they are busy with.
const NODES: (u16, u16) = (50, 40);
/// Columns of a branch, with a space.
const LEAST_COLUMN: usize = 13;
/// No branch needs more.
const MOST_COLUMN: usize = 26;
/// Shares from none to all.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Of agreement, so much is seen.
const WINDOW_MS: u64 = 60_000;
/// Lines below which what happened has less room,
const LOW: u16 = 20;
/// and below which there are only nodes and blocks, and a line at the top and at the bottom.
const TIGHT: u16 = 14;
/// Lines of what happened, with their frame.
const MARKS: u16 = 5;
/// Lines of all but the nodes and what happened.
const AROUND: u16 = 5;
/// Columns and lines from which on nodes and blocks have a frame, which takes two of each.
const FRAMED: (u16, u16) = (24, 8);
/// Lines of the blocks below the nodes, at least.
const LEAST_BLOCKS: u16 = 6;

/// Draws the scene; `said` is the last thing that a step answered.
pub fn draw(frame: &mut Frame<'_>, scene: &Scene, hand: &Hand, said: &str) {
    let Rect { width, height, .. } = frame.area();
    let is_tight = height < TIGHT;
    // A line for each node, the headings and a frame: where that is too much, what happened has less room.
    let nodes = u16::try_from(scene.nodes.len()).unwrap_or(u16::MAX).saturating_add(3);
    let is_low = height < LOW || nodes > height - AROUND - MARKS;
    let unless_tight = |lines: u16| Constraint::Length(if is_tight { 0 } else { lines });
    let [head, middle, strip, marks, line, keys] = Layout::vertical([
        Constraint::Length(u16::from(height > 2)),
        Constraint::Min(1),
        unless_tight(2),
        unless_tight(if is_low { MARKS - 2 } else { MARKS }),
        unless_tight(1),
        Constraint::Length(u16::from(height > 1)),
    ])
    .areas(frame.area());
    let [nodes, blocks] = match width {
        // Nodes come first: blocks have what they leave, if that is enough to see any.
        ..NARROW if middle.height < LEAST_BLOCKS + FRAMED.1 => [middle, Rect::ZERO],
        ..NARROW => Layout::vertical([Constraint::Max(nodes), Constraint::Min(LEAST_BLOCKS)]).areas(middle),
        _ => {
            let columns = if width >= WIDE { NODES.0 } else { NODES.1 };
            Layout::horizontal([Constraint::Length(columns), Constraint::Min(20)]).areas(middle)
        }
    };
    let colours = Colours::of(scene);
    draw_head(frame, head, scene);
    let hidden = draw_nodes(frame, nodes, scene, hand, &colours);
    draw_tree(frame, blocks, scene, &colours);
    draw_agreement(frame, strip, scene);
    draw_marks(frame, marks, scene);
    frame.render_widget(Paragraph::new(said).style(Style::new().fg(Color::Yellow)), line);
    let words = if width >= WIDE { LONG_KEYS } else { KEYS };
    let words = if is_tight && !said.is_empty() { said } else { words };
    // Without a frame there is no other place to say it.
    let more = if hidden > 0 && !is_framed(nodes) { format!("+ {hidden} more  ") } else { String::new() };
    let dim = Style::new().add_modifier(Modifier::DIM);
    let last = Line::from(vec![Span::raw(more), Span::styled(words, dim)]);
    frame.render_widget(Paragraph::new(last), keys);
}

const fn is_framed(area: Rect) -> bool {
    area.width >= FRAMED.0 && area.height >= FRAMED.1
}

/// A frame with a title, where there is room for one.
fn framed<'t>(area: Rect, title: impl Into<Line<'t>>) -> Block<'t> {
    if is_framed(area) { Block::bordered().title(title) } else { Block::new() }
}

/// A colour for each tip, in the order of the nodes that have it.
struct Colours(Vec<BlockHash>);

impl Colours {
    fn of(scene: &Scene) -> Self {
        let mut seen = BTreeSet::new();
        Self(scene.running().map(|node| node.view.tip).filter(|tip| seen.insert(*tip)).collect())
    }

    fn style(&self, tip: &BlockHash) -> Style {
        match self.0.iter().position(|other| other == tip) {
            Some(at) => Style::new().fg(COLOURS[at % COLOURS.len()]),
            None => Style::new().fg(Color::DarkGray),
        }
    }
}

/// Digits of a hash that are shown.
const DIGITS: usize = 6;

fn draw_head(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let height = scene.running().map(|node| node.view.height.get()).max().unwrap_or(0);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let (most, all) = scene.agreeing();
    let chain = format!("cairn {}", scene.chain);
    let agreement = scene.agreement_in_words();
    let groups = format!("  groups {}", scene.groups.as_deref().unwrap_or("whole"));
    let whole = [chain, format!("  height {height}  "), agreement, groups];
    // Where that is too long: a number whose end is cut off is a wrong one.
    let is_cut = if scene.groups.is_some() { ", cut" } else { "" };
    let shorter = [
        format!("{most}/{all} agree{is_cut}, height {height}"),
        format!("{most}/{all} agree, {height}"),
        format!("{most}/{all}"),
    ];
    let room = usize::from(area.width);
    // What comes last, the groups, may be cut short.
    let least: usize = whole[..3].iter().map(|part| part.chars().count()).sum();
    let line = match shorter.iter().find(|words| words.chars().count() <= room) {
        Some(words) if least > room => Line::styled(words.clone(), bold),
        _ => Line::from_iter(
            whole
                .into_iter()
                .zip([bold, Style::new()].into_iter().cycle())
                .map(|(part, style)| Span::styled(part, style)),
        ),
    };
    frame.render_widget(Paragraph::new(line), area);
}

/// Widths of the columns of the nodes,
const COLUMNS: [u16; 8] = [4, 1, 6, 7, 5, 4, 5, 9];
/// and which of them come first where not all fit: the number, the tip, the height, the group.
const FIRST: [usize; 8] = [0, 3, 2, 1, 4, 5, 6, 7];

/// The columns that fit, in their order.
fn columns(room: u16) -> BTreeSet<usize> {
    let mut left = room + 1;
    let fits = |column: &&usize| {
        let needed = COLUMNS[**column] + 1;
        let is_room = needed <= left;
        left = left.saturating_sub(needed);
        is_room
    };
    FIRST.iter().take_while(fits).copied().collect()
}

/// Returns how many nodes are out of sight.
fn draw_nodes(frame: &mut Frame<'_>, area: Rect, scene: &Scene, hand: &Hand, colours: &Colours) -> usize {
    let block = framed(area, nodes_title(scene));
    let inner = block.inner(area);
    let shown = columns(inner.width);
    let row = |node: &Node| {
        let mark = if hand.marked.contains(&node.view.id) { "*" } else { "" };
        let mut style =
            if node.view.up { colours.style(&node.view.tip) } else { Style::new().fg(Color::DarkGray) };
        if node.view.up && (node.view.behind.is_some() || !node.view.answers) {
            style = style.add_modifier(Modifier::BOLD);
        }
        let percent = node.percent().map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"));
        let first = [format!("{mark}{}", node.view.id), Groups::letter(node.group)];
        let of_living = || {
            [
                node.view.height.get().to_string(),
                short(&node.view.tip, DIGITS).replacen('…', sign_of(node), 1),
                node.links.to_string(),
                node.mempool().to_string(),
                percent,
                state_of(node),
            ]
        };
        let of_dead = || [const { String::new() }; 6];
        let mut cells: Vec<String> =
            first.into_iter().chain(if node.view.up { of_living() } else { of_dead() }).collect();
        if !node.view.up {
            cells[3] = "down".to_owned();
        }
        Row::new(shown.iter().map(|column| Cell::from(cells[*column].clone()))).style(style)
    };
    let headings = ["node", "", "height", "tip", "links", "txs", "rate", "busy"];
    let headings = Row::new(shown.iter().map(|column| headings[*column]));
    // Of few lines each shows a node.
    let has_headings = inner.height > 3;
    let room = usize::from(inner.height) - usize::from(has_headings);
    let hidden = scene.nodes.len().saturating_sub(room);
    let block = if hidden > 0 && is_framed(area) {
        block.title_bottom(format!("+ {hidden} more, ↑↓ to scroll"))
    } else {
        block
    };
    let mut table = Table::new(scene.nodes.iter().map(row), shown.iter().map(|column| COLUMNS[*column]))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .column_spacing(1)
        .block(block);
    if has_headings {
        table = table.header(headings.style(Style::new().add_modifier(Modifier::DIM)));
    }
    let mut state = TableState::default().with_selected(hand.chosen);
    frame.render_stateful_widget(table, area, &mut state);
    hidden
}

/// What stands before a node's tip: nothing is wrong, it has had less work for long, or it is silent.
const fn sign_of(node: &Node) -> &'static str {
    match (node.view.answers, node.view.behind.is_some()) {
        (false, _) => "?",
        (true, true) => "!",
        (true, false) => "…",
    }
}

fn state_of(node: &Node) -> String {
    match (node.view.answers, node.view.behind.is_some()) {
        (false, _) => "silent".to_owned(),
        (true, true) => "less work".to_owned(),
        (true, false) => node.phase().to_owned(),
    }
}

/// The signs that are to be seen, in words.
fn nodes_title(scene: &Scene) -> String {
    let behind =
        scene.running().any(|node| node.view.answers && node.view.behind.is_some()).then_some("! less work");
    let silent = scene.running().any(|node| !node.view.answers).then_some("? no answer");
    ["nodes"].into_iter().chain(behind).chain(silent).collect::<Vec<_>>().join("; ")
}

fn draw_tree(frame: &mut Frame<'_>, area: Rect, scene: &Scene, colours: &Colours) {
    let inner = framed(area, "").inner(area);
    let room = usize::from(inner.width);
    let rows = || scene.rows.iter().take(usize::from(inner.height));
    let lanes = rows().flat_map(|row| &row.cells).map(|cell| cell.lane + 1).max().unwrap_or(1);
    // The column of heights, and a space.
    let heights = rows().map(|row| row.height.get().to_string().len()).max().unwrap_or(1) + 1;
    let column = (room.saturating_sub(heights) / lanes).clamp(LEAST_COLUMN, MOST_COLUMN);
    let shown = (room.saturating_sub(heights) / column).max(1);
    let cell = |cell: &tree::Cell| {
        let style = match (cell.lane == 0, cell.tips.is_empty()) {
            (_, false) => colours.style(&cell.hash),
            (true, true) => Style::new(),
            (false, true) => Style::new().fg(Color::DarkGray),
        };
        let text: String = block_in_words(cell, column).chars().take(column - 1).collect();
        Span::styled(format!("{text:<column$}"), style)
    };
    let line = |row: &tree::Row| {
        let mut spans = vec![Span::raw(format!("{:>width$} ", row.height.get(), width = heights - 1))];
        for lane in 0..shown {
            let here = row.cells.iter().find(|cell| cell.lane == lane);
            spans.push(here.map_or_else(|| Span::raw(" ".repeat(column)), cell));
        }
        Line::from(spans)
    };
    let lines: Vec<Line<'_>> = rows().map(line).collect();
    let title = match lanes - lanes.min(shown) {
        0 => "blocks, most work first; ◀ tip of".to_owned(),
        hidden => format!("blocks, most work first; {hidden} more columns"),
    };
    frame.render_widget(Paragraph::new(lines).block(framed(area, title)), area);
}

/// `…6f433e by 0 ◀0-2`, without its miner where that does not fit.
fn block_in_words(cell: &tree::Cell, column: usize) -> String {
    let tips = if cell.tips.is_empty() { String::new() } else { format!(" ◀{}", numbers(&cell.tips)) };
    let miner = cell.miner.map_or_else(|| "?".to_owned(), |miner| miner.to_string());
    let whole = format!("{} by {miner}{tips}", short(&cell.hash, DIGITS));
    if whole.chars().count() < column { whole } else { format!("{}{tips}", short(&cell.hash, DIGITS)) }
}

/// The last minute from left to right: how many of ten agreed, and below it what was done to the network.
fn draw_agreement(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let title = "last 60 s ";
    let room = usize::from(area.width).saturating_sub(title.len() + 1);
    let bar = |share: &Option<u64>| match share {
        None => ' ',
        Some(share) => BARS[(*share as usize * (BARS.len() - 1)).div_ceil(100).min(BARS.len() - 1)],
    };
    let bars: String = scene.agreement_over(WINDOW_MS, room).iter().map(bar).collect();
    let mut below = vec![' '; room];
    for mark in scene.marks.iter().rev() {
        let age_ms = scene.now_ms.saturating_sub(mark.at_ms);
        let left = usize::try_from(WINDOW_MS.saturating_sub(age_ms)).unwrap_or_default();
        if left == 0 {
            continue;
        }
        let sign = match mark.kind.as_str() {
            "partition" => 'x',
            "heal" => 'o',
            "agreed" => '=',
            "kill" | "died" => '†',
            "restart" => '+',
            _ => continue,
        };
        let at = left * room / WINDOW_MS as usize;
        if let Some(place) = below.get_mut(at.min(room.saturating_sub(1))) {
            *place = sign;
        }
    }
    let lines = vec![
        Line::from(vec![Span::raw(title), Span::styled(bars, Style::new().fg(Color::Cyan))]),
        Line::from(vec![
            Span::raw(" ".repeat(title.len())),
            Span::raw(below.into_iter().collect::<String>()),
        ]),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_marks(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let ago = |mark: &Mark| format!("{:>6} ago  {}", duration(round(scene.now_ms, mark.at_ms)), mark.text);
    let lines: Vec<Line<'_>> =
        scene.marks.iter().take(usize::from(area.height)).map(|mark| Line::from(ago(mark))).collect();
    let title = "what happened; above: x cut, o healed, = agreed, † killed, + started";
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title)), area);
}

/// How long ago, in whole seconds.
fn round(now_ms: u64, at_ms: u64) -> u64 {
    now_ms.saturating_sub(at_ms) / 1_000 * 1_000
}

#[cfg(test)]
mod tests {
    use cairn_core::height::Height;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::devnet::tests::status;
    use crate::devnet::view::{Behind, BlockView, DevnetView, NodeView};
    use crate::top::tests::{block, node, view};

    fn screen(width: u16, height: u16) -> String {
        let mut idle = status(2, 0xaa);
        idle.mempool = 3;
        let nodes = vec![
            NodeView { mining: true, status: Some(idle), ..node(0, 0xaa) },
            NodeView { up: false, why_down: Some("killed".into()), ..node(1, 0xaa) },
            NodeView { behind: Some(Behind { since_ms: 9_000, blocks: 0 }), ..node(2, 0xbb) },
            NodeView { answers: false, ..node(3, 0xaa) },
        ];
        let by = |miner, block| BlockView { miner, ..block };
        let mark = Mark {
            at_ms: 5_000,
            kind: "partition".into(),
            text: "cut: 0,1 / 2 no longer reach each other".into(),
            took_ms: None,
            node: None,
            groups: None,
        };
        let view = DevnetView {
            blocks: vec![
                by(Some(0), block(0xcc, 0, 1, 1)),
                by(Some(0), block(0xaa, 0xcc, 2, 3)),
                by(None, block(0xbb, 0xcc, 2, 2)),
            ],
            agreement: vec![(0, 2, 1).into(), (5, 1, 2).into()],
            now_ms: 20_000,
            marks: vec![mark],
            ..view(nodes, "0,1 / 2,3")
        };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
        let scene = Scene::from(view);
        terminal.draw(|frame| draw(frame, &scene, &Hand::default(), "healed")).expect("drawn");
        terminal.backend().to_string()
    }

    #[test]
    fn a_screen_of_any_usual_size_shows_nodes_both_branches_what_happened_and_the_way_out() {
        for (width, height) in [(80, 24), (120, 40), (200, 50)] {
            let screen = screen(width, height);
            for expected in [
                "cairn devnet  height 2  2 of 3 running nodes agree  groups 0,1 / 2,3",
                "node   height tip     links txs  rate",
                "2 …aaaaaa by 0 ◀0,3",
                "nodes; ! less work; ? no answer",
                "!bbbbbb",
                "?aaaaaa",
                "…bbbbbb by ? ◀2",
                "15 s ago  cut: 0,1 / 2 no longer reach each other",
                "healed",
                "down",
                "q quit",
                "h heal",
            ] {
                assert!(screen.contains(expected), "{expected}\n{screen}");
            }
            // A cut a quarter of a minute ago stands in the last third of the minute.
            let line = screen.lines().find(|line| line.trim_matches(['"', ' ']) == "x");
            assert!(line.is_some_and(|line| line.find('x') > Some(usize::from(width) / 2)), "{screen}");
        }
    }

    #[test]
    fn a_narrow_screen_has_nodes_and_blocks_one_above_the_other() {
        let screen = screen(44, 30);
        for expected in ["…aaaaaa by 0 ◀0", "!bbbbbb", "…bbbbbb by ? ◀2", "rate", "q quit"] {
            assert!(screen.contains(expected), "{expected}\n{screen}");
        }
    }

    /// A screen of so many nodes in a line of text each, with one of them chosen.
    fn crowd(nodes: usize, chosen: usize, (width, height): (u16, u16)) -> String {
        let node = |id: u16| NodeView { up: id != 1, height: Height::from_u32(7), ..node(id, 0xaa) };
        let view = view((0..nodes as u16).map(node).collect(), "");
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
        let (scene, hand) = (Scene::from(view), Hand { chosen, ..Hand::default() });
        terminal.draw(|frame| draw(frame, &scene, &hand, "")).expect("drawn");
        terminal.backend().to_string()
    }

    #[test]
    fn with_more_nodes_than_lines_there_is_a_sign_and_the_keys_bring_each_into_sight() {
        let sizes = [
            ((80, 24), 50, "+ 37 more, ↑↓ to scroll", 13),
            ((80, 24), 200, "+ 187 more, ↑↓ to scroll", 13),
            ((80, 8), 12, "+ 7 more", 5),
            ((40, 8), 12, "+ 7 more", 5),
            ((40, 14), 12, "+ 7 more", 5),
            ((20, 4), 12, "+ 10 more", 2),
            ((20, 3), 12, "+ 11 more", 1),
        ];
        for (size, nodes, sign, seen) in sizes {
            let screen = crowd(nodes, 0, size);
            assert!(screen.contains(sign), "{size:?} {nodes}\n{screen}");
            let of = |screen: &str| {
                screen.lines().filter(|line| line.contains("…aaaaaa") || line.contains("down")).count()
            };
            assert_eq!(of(&screen), seen, "{size:?} {nodes}\n{screen}");
            let last = crowd(nodes, nodes - 1, size);
            assert!(
                last.lines().any(|line| line
                    .trim_start_matches(['"', '│', ' '])
                    .starts_with(&(nodes - 1).to_string())),
                "{last}"
            );
        }
        let all = crowd(12, 0, (80, 24));
        assert!(all.contains("11   A") && !all.contains(" more"), "{all}");
    }

    #[test]
    fn a_head_that_does_not_fit_says_how_many_agree_and_no_number_without_its_end() {
        for (width, expected) in [
            (80, "cairn devnet  height 7  all 11 running nodes agree"),
            (40, "11/11 agree, height 7"),
            (20, "11/11 agree, 7"),
            (9, "11/11"),
        ] {
            let screen = crowd(12, 0, (width, 8));
            assert!(screen.lines().next().is_some_and(|line| line.contains(expected)), "{screen}");
        }
    }

    #[test]
    fn a_screen_of_any_size_is_no_fault() {
        for width in (1..130).step_by(3) {
            for height in 1..45 {
                assert!(!screen(width, height).is_empty());
            }
        }
    }
}
