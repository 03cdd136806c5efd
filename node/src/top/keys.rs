//! What a key means.

use std::collections::BTreeSet;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::devnet::command::{DevnetCommand, mining_limit};
use crate::top::scene::Scene;

/// Rates that the keys `<` and `>` go through, in per cent of the first.
const RATES: [u64; 5] = [0, 30, 100, 300, 1000];

/// Nodes that the keys for a page go past.
const PAGE: usize = 10;

/// What the person is at.
#[derive(Clone, Debug, Default)]
pub struct Hand {
    /// Index of the chosen node.
    pub chosen: usize,
    /// Nodes that are to be cut off.
    pub marked: BTreeSet<u16>,
}

/// What follows from a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Nothing for the devnet.
    Nothing,
    /// The person wants to leave.
    Quit,
    /// A command goes to the devnet.
    Send(DevnetCommand),
    /// A sentence about why nothing follows.
    Say(&'static str),
}

impl Hand {
    /// A key was pressed.
    pub fn press(&mut self, key: KeyEvent, scene: &Scene) -> Deed {
        let last = scene.nodes.len().saturating_sub(1);
        self.chosen = self.chosen.min(last);
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Deed::Quit } else { Deed::Nothing };
        }
        let Some(node) = scene.nodes.get(self.chosen) else {
            return if key.code == KeyCode::Char('q') { Deed::Quit } else { Deed::Nothing };
        };
        let (id, percent) = (node.view.id, node.percent());
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Deed::Quit,
            KeyCode::Up => self.chosen = self.chosen.saturating_sub(1),
            KeyCode::Down => self.chosen = (self.chosen + 1).min(last),
            KeyCode::PageUp => self.chosen = self.chosen.saturating_sub(PAGE),
            KeyCode::PageDown => self.chosen = (self.chosen + PAGE).min(last),
            KeyCode::Home => self.chosen = 0,
            KeyCode::End => self.chosen = last,
            KeyCode::Char(' ') => self.mark(id),
            KeyCode::Char('p') => return self.partition(scene),
            KeyCode::Char('h') => return Deed::Send(DevnetCommand::Heal {}),
            KeyCode::Char('k') => return Deed::Send(DevnetCommand::Kill { node: id }),
            KeyCode::Char('r') => return Deed::Send(DevnetCommand::Restart { node: id }),
            KeyCode::Char('m') => {
                return Deed::Send(DevnetCommand::Mine {
                    node: id,
                    blocks: 1,
                    to: None,
                    limit_ms: mining_limit(),
                });
            }
            KeyCode::Char('<') => return rate(id, percent, RATES.iter().rev().copied(), |a, b| a < b),
            KeyCode::Char('>') => return rate(id, percent, RATES.iter().copied(), |a, b| a > b),
            _ => {}
        }
        Deed::Nothing
    }

    /// Marks a node, or takes its mark away.
    fn mark(&mut self, node: u16) {
        if !self.marked.remove(&node) {
            self.marked.insert(node);
        }
    }

    /// Cuts the marked nodes off from the others.
    fn partition(&mut self, scene: &Scene) -> Deed {
        let rest = scene.nodes.iter().filter(|node| !self.marked.contains(&node.view.id)).count();
        if self.marked.is_empty() || rest == 0 {
            return Deed::Say(
                "mark some nodes with the space bar, and not all of them; then p cuts them off",
            );
        }
        let marked = core::mem::take(&mut self.marked);
        let groups = marked.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        Deed::Send(DevnetCommand::Partition { groups: vec![groups] })
    }
}

fn rate(
    node: u16,
    now: Option<u64>,
    mut rates: impl Iterator<Item = u64>,
    is_beyond: impl Fn(u64, u64) -> bool,
) -> Deed {
    let now = now.unwrap_or(0);
    match rates.find(|rate| is_beyond(*rate, now)) {
        Some(percent) => Deed::Send(DevnetCommand::Hashrate { node, percent }),
        None => Deed::Say("it mines at the end of the scale already"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::view::NodeView;
    use crate::top::tests::{node, view};

    fn scene() -> Scene {
        let node = |id| NodeView { mining: true, ..node(id, 0xa) };
        view((0..3).map(node).collect(), "").into()
    }

    fn press(hand: &mut Hand, code: KeyCode) -> Deed {
        hand.press(KeyEvent::new(code, KeyModifiers::NONE), &scene())
    }

    #[test]
    fn marked_nodes_are_cut_off_and_are_marked_no_longer() {
        let mut hand = Hand::default();
        assert!(matches!(press(&mut hand, KeyCode::Char('p')), Deed::Say(_)));
        press(&mut hand, KeyCode::Char(' '));
        press(&mut hand, KeyCode::Down);
        press(&mut hand, KeyCode::Char(' '));
        let cut = Deed::Send(DevnetCommand::Partition { groups: vec!["0,1".into()] });
        assert_eq!(press(&mut hand, KeyCode::Char('p')), cut);
        assert!(matches!(press(&mut hand, KeyCode::Char('p')), Deed::Say(_)));
    }

    #[test]
    fn a_cut_needs_somebody_on_the_other_side() {
        let mut hand = Hand { chosen: 0, marked: BTreeSet::from([0, 1, 2]) };
        assert!(matches!(press(&mut hand, KeyCode::Char('p')), Deed::Say(_)));
    }

    #[test]
    fn keys_about_a_node_are_about_the_chosen_one_and_the_choice_stays_in_the_list() {
        let mut hand = Hand::default();
        (0..9).for_each(|_| drop(press(&mut hand, KeyCode::Down)));
        assert_eq!(press(&mut hand, KeyCode::Char('k')), Deed::Send(DevnetCommand::Kill { node: 2 }));
        (0..9).for_each(|_| drop(press(&mut hand, KeyCode::Up)));
        assert_eq!(press(&mut hand, KeyCode::Char('r')), Deed::Send(DevnetCommand::Restart { node: 0 }));
        let slower = Deed::Send(DevnetCommand::Hashrate { node: 0, percent: 30 });
        assert_eq!(press(&mut hand, KeyCode::Char('<')), slower);
        let faster = Deed::Send(DevnetCommand::Hashrate { node: 0, percent: 300 });
        assert_eq!(press(&mut hand, KeyCode::Char('>')), faster);
    }

    #[test]
    fn without_any_node_only_leaving_is_left() {
        let (mut hand, nothing) = (Hand::default(), Scene::from(view(Vec::new(), "")));
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        assert_eq!(hand.press(key(KeyCode::Char('k')), &nothing), Deed::Nothing);
        assert_eq!(hand.press(key(KeyCode::Char('q')), &nothing), Deed::Quit);
    }
}
