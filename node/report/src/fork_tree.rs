//! The fork tree: every block at the time when it was found, each branch in a lane of its own.

use std::cmp::Reverse;
use std::ops::Range;

use cairn_simulator::report::{BlockReport, Report};

use crate::annotations::steps;
use crate::chart::scale::round_step;
use crate::format::{count, decimal, grouped, shortened, time_unit};
use crate::palette::{self, FAINT, GRID, INK};
use crate::svg::{self, Anchor, Annotation, LegendEntry, Pixel, ROW, Svg, Symbol};
use crate::tree_layout::{self, Branch, lanes};
use shown_spans::shown_spans;
use time_axis::{Stretch, TimeAxis};

pub mod shown_spans;
pub mod time_axis;

/// Pixels at the left and at the right of the data.
const LEFT: i32 = 32;
const RIGHT: i32 = 100;
/// Where the legend begins, in pixels from the top.
const TOP: i32 = 36;
/// Height of a lane, in pixels.
const LANE: i32 = 32;
/// Pixels between two branches in one lane.
const BRANCH_GAP: i32 = 14;
/// Mean width of a block, in pixels.
const BLOCK: usize = 18;
/// Limits to the width of what is shown, in pixels.
const MIN_WIDTH: usize = 900;
const MAX_WIDTH: usize = 24_000;
/// The last lane that is drawn. Further branches lie in it.
const LAST_LANE: usize = 60;
/// The legend says what a shortened stretch is in a run of more blocks than this.
const LONG_RUN: usize = 150;

/// A fork tree whose parts have their places.
struct ForkTree<'r> {
    report: &'r Report,
    /// The final chain first.
    branches: Vec<Branch>,
    /// The lane of each branch.
    lanes: Vec<usize>,
    /// The lane of each block.
    block_lanes: Vec<usize>,
    axis: TimeAxis,
    legend: Vec<LegendEntry>,
    annotations: Vec<Annotation>,
    width: i32,
    /// Pixels from the top to the end of the legend.
    below_legend: i32,
    /// Pixels from the top to the first lane.
    first_lane: i32,
}

/// Draws the fork tree of a run. The final chain is on top; blocks have the colours of their groups.
pub fn fork_tree(report: &Report) -> String {
    ForkTree::new(report).draw()
}

/// The branches of a run: the final chain, then stale branches in the order of their first blocks. Where a
/// stale branch forks, it goes on to the highest block.
fn final_chain_first(blocks: &[BlockReport]) -> Vec<Branch> {
    let parents: Vec<Option<usize>> = blocks.iter().map(|block| block.parent).collect();
    let mut stale_tips = tree_layout::tips(&parents);
    stale_tips.retain(|tip| !blocks[*tip].is_in_chain);
    stale_tips.sort_by_key(|tip| Reverse(blocks[*tip].height));
    let Some(tip) = blocks.iter().rposition(|block| block.is_in_chain) else {
        let genesis_alone = Branch { parent: None, blocks: Vec::new() };
        return [vec![genesis_alone], tree_layout::branches(&parents, stale_tips)].concat();
    };
    let mut branches = tree_layout::branches(&parents, [tip].into_iter().chain(stale_tips));
    branches[1..].sort_by_key(|branch| branch.blocks.first().copied());
    branches
}

impl<'r> ForkTree<'r> {
    fn new(report: &'r Report) -> Self {
        let blocks = &report.blocks;
        let branches = final_chain_first(blocks);
        let end_ms = blocks.iter().map(|block| block.at_ms).fold(report.lasted_ms, u64::max).max(1);
        let shown = shown_spans(blocks, &branches, report.spacing_ms, end_ms);
        let is_shown =
            |block: &&BlockReport| shown.iter().any(|span| (span.start..=span.end).contains(&block.at_ms));
        let pixels = (blocks.iter().filter(is_shown).count() * BLOCK).clamp(MIN_WIDTH, MAX_WIDTH);
        let axis = TimeAxis::new(&shown, end_ms, LEFT, pixels as f64);
        let x = |block: usize| axis.pixel(blocks[block].at_ms);
        let span = |branch: &Branch| Range {
            start: branch.parent.map_or(axis.pixel(0), x),
            end: branch.blocks.last().map_or(0, |last| x(*last)) + BRANCH_GAP,
        };
        let spans: Vec<Range<i32>> = branches.iter().map(span).collect();
        let lanes: Vec<usize> = lanes(&spans).into_iter().map(|lane| lane.min(LAST_LANE)).collect();
        let mut block_lanes = vec![0; blocks.len()];
        for (branch, lane) in branches.iter().zip(&lanes) {
            branch.blocks.iter().for_each(|block| block_lanes[*block] = *lane);
        }
        let annotations: Vec<Annotation> = steps(report)
            .map(|(at_ms, label)| Annotation { x: axis.pixel(at_ms), label: label.to_owned() })
            .collect();
        let (legend, width) = (legend(report), axis.right() + RIGHT);
        let below_legend = TOP + svg::legend_rows(&legend, width) * ROW;
        let first_lane = below_legend + svg::annotation_rows(&annotations) * ROW + 40;
        Self {
            report,
            branches,
            lanes,
            block_lanes,
            axis,
            legend,
            annotations,
            width,
            below_legend,
            first_lane,
        }
    }

    fn draw(&self) -> String {
        let bottom = self.lane_y(self.lanes.iter().copied().max().unwrap_or(0)) + 24;
        let mut svg = Svg::new(self.width, bottom + 52);
        svg.title("Every block that was found");
        svg.legend(&self.legend, TOP);
        for Stretch { pixels, .. } in self.stretches(true) {
            svg.area((pixels.start + 2, self.first_lane - 26), (pixels.end - 2, bottom), GRID);
        }
        self.draw_time_axis(&mut svg, bottom);
        svg.annotations(&self.annotations, self.below_legend, bottom);
        let in_lanes = || self.branches.iter().zip(&self.lanes).enumerate();
        // The final chain over the others.
        for (number, (branch, lane)) in in_lanes().rev() {
            self.draw_line(&mut svg, branch, self.lane_y(*lane), number == 0);
        }
        for (number, (branch, lane)) in in_lanes() {
            self.draw_blocks(&mut svg, branch, self.lane_y(*lane), number == 0);
            self.draw_counts(&mut svg, branch, self.lane_y(*lane), number == 0);
        }
        self.draw_heights(&mut svg);
        svg.finish()
    }

    fn draw_time_axis(&self, svg: &mut Svg, y: i32) {
        let axis = &self.axis;
        svg.line(&[(LEFT, y), (axis.right(), y)], FAINT, 1);
        let between_ms = 80.0 / axis.scale;
        let unit = time_unit(self.report.lasted_ms, between_ms);
        // Seconds have decimals; all else is whole, so that no label has a tail.
        let step = round_step(between_ms / unit.ms).max(if unit.name == "s" { 0.0 } else { 1.0 });
        let ticks = self.stretches(false).flat_map(|stretch| ticks(stretch, step * unit.ms));
        let labels = ticks.map(|at_ms| (axis.pixel(at_ms as u64), decimal(at_ms / unit.ms, 2)));
        let labels: Vec<(i32, String)> = labels.collect();
        labels.iter().for_each(|(x, _)| svg.line(&[(*x, y), (*x, y + 5)], FAINT, 1));
        draw_labels(svg, labels, y + 15);
        svg.text(&format!("time, {}", unit.name), (LEFT, y + 36), INK, Anchor::Start);
    }

    fn draw_line(&self, svg: &mut Svg, branch: &Branch, y: i32, is_final: bool) {
        let (colour, width) = if is_final { (INK, 3) } else { (FAINT, 2) };
        let start = match branch.parent {
            Some(parent) => (self.x(parent), self.lane_y(self.block_lanes[parent])),
            None => (self.axis.pixel(0), self.first_lane),
        };
        let first = branch.blocks.first().map(|block| (self.x(*block), y));
        let last = branch.blocks.last().map(|block| (self.x(*block), y));
        let mut points: Vec<Pixel> = [Some(start), first, last].into_iter().flatten().collect();
        points.dedup();
        svg.line(&points, colour, width);
    }

    fn draw_blocks(&self, svg: &mut Svg, branch: &Branch, y: i32, is_final: bool) {
        let symbol = if is_final { Symbol::Disc } else { Symbol::Ring };
        for number in &branch.blocks {
            let block = &self.report.blocks[*number];
            if self.axis.shows(block.at_ms) {
                svg.symbol(symbol, (self.x(*number), y), palette::group(group_of(self.report, block.miner)));
            }
        }
    }

    /// Writes how many blocks of the branch are in each shortened stretch.
    fn draw_counts(&self, svg: &mut Svg, branch: &Branch, y: i32, is_final: bool) {
        for Stretch { time, pixels, .. } in self.stretches(true) {
            let is_in = |number: &&usize| {
                let at_ms = self.report.blocks[**number].at_ms;
                at_ms > time.start && at_ms <= time.end && !self.axis.shows(at_ms)
            };
            let count = branch.blocks.iter().filter(is_in).count();
            if count > 0 && (is_final || branch.blocks.len() > count) {
                let text = format!("+{}", grouped(count as u64));
                let (middle, half) = ((pixels.start + pixels.end) / 2, svg::width_of(&text) / 2 + 5);
                svg.area((middle - half, y - 8), (middle + half, y + 8), GRID);
                svg.text(&text, (middle, y), INK, Anchor::Middle);
            }
        }
    }

    fn draw_heights(&self, svg: &mut Svg) {
        let blocks = self.branches[0].blocks.iter().map(|number| &self.report.blocks[*number]);
        let shown = blocks.filter(|block| self.axis.shows(block.at_ms));
        let labels = shown.map(|block| (self.axis.pixel(block.at_ms), block.height.to_string()));
        draw_labels(svg, labels, self.first_lane - 16);
    }

    fn stretches(&self, are_shortened: bool) -> impl Iterator<Item = &Stretch> {
        self.axis.stretches.iter().filter(move |stretch| stretch.is_shortened == are_shortened)
    }

    fn lane_y(&self, lane: usize) -> i32 {
        self.first_lane + lane as i32 * LANE
    }

    fn x(&self, block: usize) -> i32 {
        self.axis.pixel(self.report.blocks[block].at_ms)
    }
}

/// Writes labels centred on their pixels, those that do not touch the last one.
fn draw_labels(svg: &mut Svg, labels: impl IntoIterator<Item = (i32, String)>, y: i32) {
    let mut free_from = i32::MIN;
    for (x, label) in labels {
        let half = svg::width_of(&label) / 2;
        if x - half > free_from {
            svg.text(&label, (x, y), FAINT, Anchor::Middle);
            free_from = x + half + 8;
        }
    }
}

/// Times in milliseconds: multiples of `step_ms`, or the middle of a stretch that has none.
fn ticks(Stretch { time, .. }: &Stretch, step_ms: f64) -> Vec<f64> {
    let first = (time.start as f64 / step_ms).ceil();
    let times = (0..10_000).map(|number| (first + f64::from(number)) * step_ms);
    let mut ticks: Vec<f64> = times.take_while(|at| *at <= time.end as f64).collect();
    if ticks.is_empty() {
        ticks.push((u64::midpoint(time.start, time.end) as f64 / 100.0).round() * 100.0);
    }
    ticks
}

fn group_of(report: &Report, miner: u16) -> usize {
    let holds = |first: u16, nodes: u16| miner >= first && miner - first < nodes;
    report.groups.iter().position(|group| holds(group.first, group.nodes)).unwrap_or_default()
}

fn legend(report: &Report) -> Vec<LegendEntry> {
    let entry = |symbol, colour, name: &str| LegendEntry { symbol, colour, name: name.to_owned() };
    let groups = report.groups.len();
    let (kept, stale) = if groups > 1 { (INK, FAINT) } else { (palette::series(0), palette::series(0)) };
    let mut entries = vec![
        entry(Symbol::Disc, kept, "in the final chain, with heights"),
        entry(Symbol::Ring, stale, "stale"),
    ];
    if groups > 1 {
        let own = if groups > palette::OWN_COLOURS + 1 { palette::OWN_COLOURS } else { groups };
        for (number, group) in report.groups.iter().enumerate().take(own) {
            let name = format!("found by {}", shortened(&group.name, 30));
            entries.push(entry(Symbol::Square, palette::group(number), &name));
        }
        if groups > own {
            let name = format!("found by {}", count((groups - own) as u64, "further group"));
            entries.push(entry(Symbol::Square, palette::group(own), &name));
        }
    }
    if report.blocks.len() > LONG_RUN {
        entries.push(entry(Symbol::Line, GRID, "shortened: this many blocks without a fork"));
    }
    entries
}

#[cfg(test)]
mod tests {
    use cairn_simulator::plan::Plan;
    use cairn_simulator::play::play;
    use cairn_simulator::report::BlockPropagation;

    use super::*;

    pub fn block(parent: Option<usize>, at_ms: u64, height: u32, is_in_chain: bool) -> BlockReport {
        BlockReport {
            hash: String::new(),
            parent,
            height,
            miner: 0,
            at_ms,
            is_in_chain,
            transactions: 0,
            hashes: 32,
            reached: 0,
            propagation: BlockPropagation::default(),
        }
    }

    #[test]
    fn the_final_chain_is_first_and_stale_branches_go_on_to_their_highest_block() {
        // 0 - 1 - 6, and on 0 the stale 2 - 3 with 4 and 5 - 7 on it.
        let parents = [None, Some(0), Some(0), Some(2), Some(3), Some(3), Some(1), Some(5)];
        let heights = [1, 2, 2, 3, 4, 4, 3, 5];
        let mut blocks: Vec<BlockReport> = (0..parents.len())
            .map(|number| block(parents[number], number as u64, heights[number], [0, 1, 6].contains(&number)))
            .collect();
        let found = |blocks: &[BlockReport]| -> Vec<Vec<usize>> {
            final_chain_first(blocks).into_iter().map(|branch| branch.blocks).collect()
        };
        assert_eq!(found(&blocks), [vec![0, 1, 6], vec![2, 3, 5, 7], vec![4]]);
        blocks.iter_mut().for_each(|block| block.is_in_chain = false);
        assert_eq!(found(&blocks), [vec![], vec![0, 2, 3, 5, 7], vec![4], vec![1, 6]]);
    }

    #[test]
    fn of_more_groups_than_colours_the_first_have_their_own_and_the_rest_share_one() {
        let mut report = play(&Plan::quiet(2), 1).expect("every invariant holds");
        let one = report.groups[0].clone();
        let colours = |report: &Report| {
            let entries = legend(report).into_iter().filter(|entry| entry.symbol == Symbol::Square);
            entries.map(|entry| (entry.colour, entry.name)).collect::<Vec<_>>()
        };
        report.groups = vec![one.clone(); 12];
        let twelve = colours(&report);
        assert!((1..12).all(|number| twelve[..number].iter().all(|(colour, _)| *colour != twelve[number].0)));
        report.groups = vec![one; 30];
        let thirty = colours(&report);
        assert_eq!(thirty.len(), 12);
        assert_eq!(thirty[11].1, "found by 19 further groups");
    }
}
