//! The fork tree: every block at the time when it was found, each branch in a lane of its own.

use cairn_simulator::report::{BlockReport, Report};

use crate::canvas::{self, Canvas, Entry, Mark, PictureError, Pixel, ROW, Side, Sign};
use crate::chart::scale::{in_words, round_step};
use crate::palette::{self, FAINT, GRID, INK};
use crate::steps::steps;
use crate::words::{count, grouped, unit_for};
use branches::{Branch, branches, lanes, worth_seeing};
use time_line::{Stretch, TimeLine};

pub mod branches;
pub mod time_line;

const LEFT: i32 = 32;
const RIGHT: i32 = 40;
const TOP: i32 = 36;
/// Between two lanes.
const LANE: i32 = 32;
/// Pixels that a block gets in the mean.
const BLOCK: usize = 18;
/// No picture is narrower, all that is shown together,
const MIN_WIDTH: usize = 900;
/// or wider.
const MAX_WIDTH: usize = 24_000;
/// No more lanes are drawn: further branches lie in the last one.
const MAX_LANES: usize = 60;

/// What is drawn where.
struct Layout<'r> {
    report: &'r Report,
    branches: Vec<Branch>,
    lanes: Vec<usize>,
    line: TimeLine,
    entries: Vec<Entry>,
    marks: Vec<Mark>,
    /// The height of the first lane.
    first_lane: i32,
}

/// Draws it. The final chain is on top; dots have the colours of the groups that found the blocks.
///
/// # Errors
/// When the drawing fails.
pub fn fork_tree(report: &Report) -> Result<String, PictureError> {
    let layout = Layout::of(report);
    canvas::picture(layout.size(), |canvas| layout.draw(canvas))
}

impl<'r> Layout<'r> {
    fn of(report: &'r Report) -> Self {
        let blocks = &report.blocks;
        let branches = branches(blocks);
        let end_ms = blocks.iter().map(|block| block.at_ms).fold(report.lasted_ms, u64::max);
        let shown = worth_seeing(blocks, &branches, report.spacing_ms, end_ms);
        let is_shown =
            |block: &&BlockReport| shown.iter().any(|(from, to)| (*from..=*to).contains(&block.at_ms));
        let pixels = (blocks.iter().filter(is_shown).count() * BLOCK).clamp(MIN_WIDTH, MAX_WIDTH);
        let line = TimeLine::new(&shown, end_ms.max(1), LEFT, pixels as f64);
        let lanes = lanes(blocks, &branches, &line).into_iter().map(|lane| lane.min(MAX_LANES)).collect();
        let mark = |(at_ms, label): (u64, &str)| Mark { x: line.place(at_ms), label: label.to_owned() };
        let marks: Vec<Mark> = steps(report).map(mark).collect();
        let mut layout =
            Self { report, branches, lanes, line, entries: entries(report), marks, first_lane: 0 };
        let (width, _) = layout.size();
        let rows = canvas::legend_rows(&layout.entries, width) + canvas::mark_rows(&layout.marks);
        layout.first_lane = TOP + rows * ROW + 40;
        layout
    }

    fn size(&self) -> (u32, u32) {
        let width = self.line.right() + RIGHT + 60;
        (width.max(0) as u32, (self.bottom() + 52).max(0) as u32)
    }

    /// Below the last lane.
    fn bottom(&self) -> i32 {
        self.lane(self.lanes.iter().copied().max().unwrap_or(0)) + 24
    }

    fn lane(&self, lane: usize) -> i32 {
        self.first_lane + lane as i32 * LANE
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Result<(), PictureError> {
        let (width, _) = self.size();
        canvas.title("Every block that was found")?;
        canvas.legend(&self.entries, TOP)?;
        let below_legend = TOP + canvas::legend_rows(&self.entries, width) * ROW;
        for stretch in self.line.stretches().iter().filter(|stretch| stretch.is_shortened) {
            let (from, to) = stretch.pixels;
            canvas.area((from + 2, self.first_lane - 26), (to - 2, self.bottom()), GRID)?;
        }
        self.draw_times(canvas)?;
        canvas.marks(&self.marks, below_legend, self.bottom())?;
        // The final chain over the others.
        for (branch, lane) in self.branches.iter().zip(&self.lanes).rev() {
            self.draw_line(canvas, branch, *lane)?;
        }
        for (branch, lane) in self.branches.iter().zip(&self.lanes) {
            self.draw_blocks(canvas, branch, *lane)?;
            self.draw_counts(canvas, branch, *lane)?;
        }
        self.draw_heights(canvas)
    }

    /// Ticks where time is even.
    fn draw_times(&self, canvas: &Canvas<'_>) -> Result<(), PictureError> {
        let (y, line) = (self.bottom(), &self.line);
        canvas.line(&[(LEFT, y), (line.right(), y)], FAINT, 1)?;
        let between = 80.0 / line.scale;
        let (unit, ms) = unit_of_ticks(self.report.lasted_ms, between);
        // Of seconds and less there are tenths; all else is whole, so that no label has a tail.
        let step = round_step(between / ms).max(if unit == "s" { 0.0 } else { 1.0 });
        let mut free_from = i32::MIN;
        for stretch in line.stretches().iter().filter(|stretch| !stretch.is_shortened) {
            for (at, x) in ticks(stretch, step * ms, line) {
                canvas.line(&[(x, y), (x, y + 5)], FAINT, 1)?;
                let text = tick_in_words(at / ms);
                let half = canvas::width_of(&text) / 2;
                if x - half > free_from {
                    canvas.text(&text, (x, y + 15), FAINT, Side::Middle)?;
                    free_from = x + half + 10;
                }
            }
        }
        canvas.text(&format!("time, {unit}"), (LEFT, y + 36), INK, Side::Right)
    }

    fn draw_line(&self, canvas: &Canvas<'_>, branch: &Branch, lane: usize) -> Result<(), PictureError> {
        let y = self.lane(lane);
        let (colour, width) = if branch.is_main { (INK, 3) } else { (FAINT, 2) };
        let mut places: Vec<Pixel> = Vec::new();
        let start = branch.parent.map_or(self.line.place(0), |parent| self.x(parent));
        match branch.is_main {
            true => places.push((start, y)),
            false => places.extend([(start, self.lane(self.lane_of(branch.parent)))]),
        }
        places.extend(branch.blocks.iter().map(|number| (self.x(*number), y)));
        places.dedup();
        // All but the ends of the first straight piece lie in one line.
        if let (3.., Some(last)) = (places.len(), places.last().copied()) {
            places.truncate(2);
            places.push(last);
        }
        canvas.line(&places, colour, width)
    }

    fn draw_blocks(&self, canvas: &Canvas<'_>, branch: &Branch, lane: usize) -> Result<(), PictureError> {
        let sign = if branch.is_main { Sign::Disc } else { Sign::Ring };
        for number in &branch.blocks {
            let block = &self.report.blocks[*number];
            if self.line.shows(block.at_ms) {
                let colour = palette::group(group_of(self.report, block.miner));
                canvas.sign(sign, (self.x(*number), self.lane(lane)), colour)?;
            }
        }
        Ok(())
    }

    /// How many blocks of the branch are in each shortened stretch.
    fn draw_counts(&self, canvas: &Canvas<'_>, branch: &Branch, lane: usize) -> Result<(), PictureError> {
        let y = self.lane(lane);
        for stretch in self.line.stretches().iter().filter(|stretch| stretch.is_shortened) {
            let (from, to) = stretch.time;
            let is_in = |number: &&usize| {
                let at_ms = self.report.blocks[**number].at_ms;
                at_ms > from && at_ms <= to && !self.line.shows(at_ms)
            };
            let count = branch.blocks.iter().filter(is_in).count();
            let (left, right) = stretch.pixels;
            let middle = (left + right) / 2;
            if count > 0 && (branch.is_main || branch.blocks.len() > count) {
                let text = format!("+{}", grouped(count as u64));
                let half = canvas::width_of(&text) / 2 + 5;
                canvas.area((middle - half, y - 8), (middle + half, y + 8), GRID)?;
                canvas.text(&text, (middle, y), INK, Side::Middle)?;
            }
        }
        Ok(())
    }

    /// Heights of the final chain, where there is room.
    fn draw_heights(&self, canvas: &Canvas<'_>) -> Result<(), PictureError> {
        let Some(main) = self.branches.iter().find(|branch| branch.is_main) else { return Ok(()) };
        let mut free_from = i32::MIN;
        for number in &main.blocks {
            let block = &self.report.blocks[*number];
            let text = block.height.to_string();
            let (x, half) = (self.x(*number), canvas::width_of(&text) / 2);
            if self.line.shows(block.at_ms) && x - half > free_from {
                canvas.text(&text, (x, self.first_lane - 16), FAINT, Side::Middle)?;
                free_from = x + half + 8;
            }
        }
        Ok(())
    }

    fn x(&self, number: usize) -> i32 {
        self.line.place(self.report.blocks[number].at_ms)
    }

    fn lane_of(&self, block: Option<usize>) -> usize {
        let Some(block) = block.filter(|block| !self.report.blocks[*block].is_in_chain) else { return 0 };
        let branch = self.branches.iter().position(|branch| branch.blocks.contains(&block));
        branch.map_or(0, |branch| self.lanes[branch])
    }
}

fn ticks(stretch: &Stretch, step: f64, line: &TimeLine) -> Vec<(f64, i32)> {
    let (from, to) = stretch.time;
    let first = (from as f64 / step).ceil();
    let times = (0..10_000).map(|number| (first + f64::from(number)) * step);
    let mut ticks: Vec<(f64, i32)> =
        times.take_while(|at| *at <= to as f64).map(|at| (at, line.place(at as u64))).collect();
    if ticks.is_empty() {
        // A short stretch between two round times names its middle.
        let middle = u64::midpoint(from, to);
        ticks.push((((middle as f64 / 100.0).round()) * 100.0, line.place(middle)));
    }
    ticks
}

/// The unit that suits a long axis of which only some is shown: no larger than what lies between two ticks.
fn unit_of_ticks(span_ms: u64, between_ms: f64) -> (&'static str, f64) {
    let (unit, ms) = unit_for(span_ms);
    let smaller = [("d", 86_400_000.0), ("h", 3_600_000.0), ("min", 60_000.0)];
    let fits = |(_, size): &(&str, f64)| *size <= between_ms && *size <= ms;
    if ms <= between_ms { (unit, ms) } else { smaller.into_iter().find(fits).unwrap_or(("s", 1_000.0)) }
}

/// Whole numbers with their digits in threes, others to a tenth or as exactly as a short run needs.
fn tick_in_words(figure: f64) -> String {
    let rounded = (figure * 1e6).round() / 1e6;
    match rounded {
        _ if rounded.fract() == 0.0 => grouped(rounded as u64),
        _ if rounded > 1_000.0 => format!("{}.{}", grouped(rounded as u64), (rounded.fract() * 10.0) as u64),
        _ => in_words(rounded),
    }
}

fn group_of(report: &Report, miner: u16) -> usize {
    let has = |group: &cairn_simulator::report::GroupReport| {
        miner >= group.first && miner - group.first < group.nodes
    };
    report.groups.iter().position(has).unwrap_or_default()
}

fn entries(report: &Report) -> Vec<Entry> {
    let entry = |sign, colour, name: &str| Entry { sign, colour, name: name.to_owned() };
    let first = palette::series(0);
    let mut entries = vec![
        entry(
            Sign::Disc,
            if report.groups.len() > 1 { INK } else { first },
            "in the final chain, with heights",
        ),
        entry(Sign::Ring, if report.groups.len() > 1 { FAINT } else { first }, "stale"),
    ];
    if report.groups.len() > 1 {
        let all = report.groups.len();
        let own = if all > palette::OWN_COLOURS + 1 { palette::OWN_COLOURS } else { all };
        let groups = report.groups.iter().enumerate().take(own);
        entries.extend(groups.map(|(number, group)| {
            let name = format!("found by {}", canvas::shortened(&group.name, 30));
            entry(Sign::Square, palette::group(number), &name)
        }));
        if all > own {
            let name = format!("found by {}", count((all - own) as u64, "further group"));
            entries.push(entry(Sign::Square, palette::group(own), &name));
        }
    }
    if report.blocks.len() > 150 {
        entries.push(entry(Sign::Line, GRID, "shortened: so many blocks without a fork"));
    }
    entries
}

#[cfg(test)]
mod tests {
    use cairn_simulator::plan::Plan;
    use cairn_simulator::play::play;

    use super::*;

    #[test]
    fn ticks_of_a_long_run_of_short_stretches_are_whole_numbers_of_a_unit_that_suits_them() {
        let day = 86_400_000;
        assert_eq!(unit_of_ticks(60_000, 500.0).0, "s");
        assert_eq!(unit_of_ticks(10 * day, 300_000.0).0, "min");
        assert_eq!(unit_of_ticks(10 * day, 5e6).0, "h");
        assert_eq!(unit_of_ticks(10 * day, 2_000.0).0, "s");
        assert_eq!(unit_of_ticks(100 * day, 1e8).0, "d");
        let told = [14_400.0, 0.25, 1_234.56].map(tick_in_words);
        assert_eq!(told, ["14\u{202f}400", "0.25", "1\u{202f}234.5"]);
    }

    #[test]
    fn of_more_groups_than_colours_the_first_have_their_own_and_the_rest_share_one() {
        let mut report = play(&Plan::quiet(2), 1).expect("every invariant holds");
        let one = report.groups[0].clone();
        let colours = |report: &Report| {
            let entries = entries(report).into_iter().filter(|entry| entry.sign == Sign::Square);
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
