//! Critical-difference diagrams: the mean ranks of methods over tasks, and which of them do not differ.
//!
//! # References
//! - J. Demšar: Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006, section 3.2.

use std::fmt::Write;

use super::axis::Axis;
use super::document::Heading;
use super::series::colour;
use super::{FAINT, INK, escaped, letters};

const WIDTH: f64 = 700.0;
const MARGIN: f64 = 22.0;
const ROW: f64 = 22.0;
/// From one bar of a group to the next.
const LEVEL: f64 = 11.0;
/// Size of the names.
const NAME: f64 = 12.0;
const SIZE: f64 = 11.0;
/// Most of the width that names take at either side.
const NAMES: f64 = 190.0;

/// A critical-difference diagram.
#[derive(Debug, Clone, PartialEq)]
pub struct RankChart {
    /// What it shows.
    pub title: String,
    /// Over what the ranks are means, and by which test methods are joined; may be empty.
    pub subtitle: String,
    /// The methods, in any order.
    pub methods: Vec<Ranked>,
    /// Which do not differ.
    pub joined: Joined,
}

/// A method and its rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Its name.
    pub name: String,
    /// The mean of its ranks, from 1 for the best.
    pub mean_rank: f64,
}

/// Which methods do not differ.
#[derive(Debug, Clone, PartialEq)]
pub enum Joined {
    /// Those whose mean ranks are no further apart than this: the critical difference of Nemenyi's test.
    Distance(f64),
    /// These groups, of the places of methods in [`RankChart::methods`]: of pairwise tests. What lies between the members of a
    /// group and is no member is passed over by its bar; dots mark the members.
    Groups(Vec<Vec<usize>>),
}

/// The diagram as an SVG document, which needs no other file: the best at the left. The same input always gives the same text.
pub fn critical_difference(chart: &RankChart) -> String {
    let heading = Heading::new(&chart.title, &chart.subtitle, MARGIN, WIDTH);
    // The places of the methods, the best first.
    let mut order: Vec<usize> = (0..chart.methods.len()).collect();
    order.retain(|&place| chart.methods[place].mean_rank.is_finite());
    order.sort_by(|&a, &b| chart.methods[a].mean_rank.total_cmp(&chart.methods[b].mean_rank));
    let groups = groups(chart, &order);
    let room = order
        .iter()
        .map(|&place| letters::width(&label(&chart.methods[place]), NAME));
    let room = room.fold(60.0, f64::max).min(NAMES);
    let diagram = Diagram {
        chart,
        axis: Axis::ranks(order.iter().map(|&place| chart.methods[place].mean_rank)),
        left: MARGIN + room + 16.0,
        right: WIDTH - MARGIN - room - 16.0,
        y: heading.height() + 62.0,
        room,
    };
    let mut body = String::new();
    diagram.scale(&mut body);
    let mut joints = String::new();
    let levels = diagram.bars(&mut joints, &groups);
    let first = diagram.y + 20.0 + LEVEL * levels as f64 + 12.0;
    let half = order.len().div_ceil(2);
    for (row, &place) in order[..half].iter().enumerate() {
        diagram.name(&mut body, place, first + ROW * row as f64, true);
    }
    for (row, &place) in order[half..].iter().rev().enumerate() {
        diagram.name(&mut body, place, first + ROW * row as f64, false);
    }
    // Over the lines to the names, so that members are seen.
    body.push_str(&joints);
    let height = first + ROW * half.max(1) as f64 + 4.0;
    heading.document(&chart.title, (WIDTH, height), &body)
}

fn label(method: &Ranked) -> String {
    format!("{} {:.2}", method.name, method.mean_rank)
}

/// The groups of at least two, each as places in the order of their ranks.
fn groups(chart: &RankChart, order: &[usize]) -> Vec<Vec<usize>> {
    let rank = |place: usize| chart.methods[place].mean_rank;
    match &chart.joined {
        Joined::Distance(distance) => {
            let mut groups: Vec<Vec<usize>> = Vec::new();
            let mut reached = 0;
            for first in 0..order.len() {
                let near = order[first..]
                    .iter()
                    .take_while(|&&other| rank(other) - rank(order[first]) <= *distance);
                let end = first + near.count();
                // One that ends where an earlier one does is part of that.
                if end > reached && end - first > 1 {
                    groups.push(order[first..end].to_vec());
                }
                reached = reached.max(end);
            }
            groups
        }
        Joined::Groups(groups) => {
            let sorted = groups.iter().map(|group| {
                let members = order.iter().copied().filter(|place| group.contains(place));
                members.collect::<Vec<usize>>()
            });
            sorted.filter(|group| group.len() > 1).collect()
        }
    }
}

struct Diagram<'a> {
    chart: &'a RankChart,
    axis: Axis,
    left: f64,
    right: f64,
    /// Where the axis is.
    y: f64,
    /// For the names, at either side.
    room: f64,
}

impl Diagram<'_> {
    fn across(&self, rank: f64) -> f64 {
        self.left + (self.right - self.left) * self.axis.share(rank)
    }

    fn rank(&self, place: usize) -> f64 {
        self.chart.methods[place].mean_rank
    }

    /// The axis, and above it the critical difference.
    fn scale(&self, text: &mut String) {
        let (left, right, y) = (self.left, self.right, self.y);
        let _ = writeln!(
            text,
            "<line x1=\"{left:.1}\" y1=\"{y:.1}\" x2=\"{right:.1}\" y2=\"{y:.1}\" stroke=\"{INK}\" stroke-width=\"1.4\"/>"
        );
        for (rank, name) in self.axis.marks() {
            let x = self.across(rank);
            let _ = writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{INK}\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{SIZE}\" text-anchor=\"middle\" fill=\"{FAINT}\">{name}</text>",
                y - 6.0,
                y - 10.0
            );
        }
        let Joined::Distance(distance) = self.chart.joined else {
            return;
        };
        let above = y - 32.0;
        let end = self.across(self.axis.low() + distance);
        let what = if self.axis.low() + distance > self.axis.high() {
            format!("critical difference {distance:.2}, longer than the axis")
        } else {
            format!("critical difference {distance:.2}")
        };
        let _ = writeln!(
            text,
            "<path d=\"M{left:.1} {0:.1}v8M{left:.1} {above:.1}H{end:.1}M{end:.1} {0:.1}v8\" fill=\"none\" stroke=\"{INK}\" \
             stroke-width=\"1.4\"/>\n\
             <text x=\"{left:.1}\" y=\"{1:.1}\" font-size=\"{SIZE}\" fill=\"{INK}\">{what}</text>",
            above - 4.0,
            above - 8.0
        );
    }

    /// A bar for each group, none through another; gives the number of lines that they take.
    fn bars(&self, text: &mut String, groups: &[Vec<usize>]) -> usize {
        // The right end of the last bar in each line.
        let mut ends: Vec<f64> = Vec::new();
        for group in groups {
            let (Some(&best), Some(&worst)) = (group.first(), group.last()) else {
                continue;
            };
            let (from, to) = (
                self.across(self.rank(best)) - 4.0,
                self.across(self.rank(worst)) + 4.0,
            );
            let free = ends.iter().position(|end| *end + 6.0 < from);
            let line = free.unwrap_or(ends.len());
            match free {
                Some(line) => ends[line] = to,
                None => ends.push(to),
            }
            let y = self.y + 16.0 + LEVEL * line as f64;
            let names = group.iter().map(|&place| self.chart.methods[place].name.as_str());
            let _ = writeln!(
                text,
                "<g><title>no difference: {}</title>\n\
                 <line x1=\"{from:.1}\" y1=\"{y:.1}\" x2=\"{to:.1}\" y2=\"{y:.1}\" stroke=\"{INK}\" stroke-width=\"4\" \
                 stroke-linecap=\"round\"/>",
                escaped(&names.collect::<Vec<_>>().join(", "))
            );
            for &place in group {
                let _ = writeln!(
                    text,
                    "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"3.6\" fill=\"#ffffff\" stroke=\"{INK}\" stroke-width=\"1.6\"/>",
                    self.across(self.rank(place))
                );
            }
            text.push_str("</g>\n");
        }
        ends.len()
    }

    /// A method beside the axis, and the line from there to its rank.
    fn name(&self, text: &mut String, place: usize, y: f64, on_left: bool) {
        let method = &self.chart.methods[place];
        let x = self.across(method.mean_rank);
        let (side, at, anchor) = match on_left {
            true => (self.left - 10.0, self.left - 16.0, "end"),
            false => (self.right + 10.0, self.right + 16.0, "start"),
        };
        let number = format!(" {:.2}", method.mean_rank);
        let name = letters::fitted(&method.name, NAME, self.room - letters::width(&number, NAME));
        let _ = writeln!(
            text,
            "<path d=\"M{x:.1} {:.1}V{y:.1}H{side:.1}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.4\"/>\n\
             <text x=\"{at:.1}\" y=\"{:.1}\" font-size=\"{NAME}\" text-anchor=\"{anchor}\" fill=\"{INK}\">{}{number}<title>{}</title></text>",
            self.y,
            colour(place),
            y + 4.0,
            escaped(&name),
            escaped(&method.name)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check_well_formed, check_within};
    use super::*;

    fn chart(ranks: &[f64], joined: Joined) -> RankChart {
        let methods = ranks.iter().enumerate();
        RankChart {
            title: "Mean ranks over 9 tasks".to_owned(),
            subtitle: "Friedman's test, then Nemenyi's at 5 %".to_owned(),
            methods: methods
                .map(|(number, &mean_rank)| Ranked {
                    name: format!("{} {number}", "a method's name".repeat(1 + number % 3)),
                    mean_rank,
                })
                .collect(),
            joined,
        }
    }

    fn joined(ranks: &[f64], joined: Joined) -> Vec<Vec<usize>> {
        let chart = chart(ranks, joined);
        let mut order: Vec<usize> = (0..ranks.len()).collect();
        order.sort_by(|&a, &b| ranks[a].total_cmp(&ranks[b]));
        groups(&chart, &order)
    }

    #[test]
    fn everything_is_within_the_frame_and_the_text_is_always_the_same() {
        let twelve: Vec<f64> = (0..12).map(|i| 1.0 + f64::from(i * 7 % 12) * 0.9).collect();
        for ranks in [&[][..], &[1.0], &[1.2, 1.8], &[2.0, 2.0, 2.0], &twelve] {
            for joined in [
                Joined::Distance(2.5),
                Joined::Distance(99.0),
                Joined::Groups(vec![vec![0, 1]]),
            ] {
                let chart = chart(ranks, joined);
                let svg = critical_difference(&chart);
                check_well_formed(&svg);
                check_within(&svg);
                assert_eq!(svg, critical_difference(&chart));
                // One in the name of a font.
                assert_eq!(svg.matches('V').count(), 1 + ranks.len());
            }
        }
    }

    #[test]
    fn methods_within_the_distance_are_joined_and_no_group_is_part_of_another() {
        let ranks = [3.0, 1.0, 1.9, 4.2, 2.2];
        assert_eq!(
            joined(&ranks, Joined::Distance(1.0)),
            [vec![1, 2], vec![2, 4], vec![4, 0]]
        );
        assert_eq!(
            joined(&ranks, Joined::Distance(1.3)),
            [vec![1, 2, 4], vec![2, 4, 0], vec![0, 3]]
        );
        assert_eq!(joined(&ranks, Joined::Distance(9.0)), [vec![1, 2, 4, 0, 3]]);
        assert!(joined(&ranks, Joined::Distance(0.1)).is_empty());
        let given = Joined::Groups(vec![vec![3, 1], vec![2]]);
        assert_eq!(
            joined(&ranks, given),
            [vec![1, 3]],
            "in the order of ranks, and no single one"
        );
    }

    #[test]
    fn bars_that_would_lie_over_each_other_stand_in_lines() {
        let bars = |ranks: &[f64], distance| {
            let svg = critical_difference(&chart(ranks, Joined::Distance(distance)));
            let lines = svg.split("stroke-linecap").count() - 1;
            let heights: std::collections::BTreeSet<&str> = svg
                .split("<g><title>")
                .skip(1)
                .map(|bar| bar.split(" y1=\"").nth(1).unwrap().split('"').next().unwrap())
                .collect();
            (lines, heights.len())
        };
        assert_eq!(bars(&[1.0, 1.5, 3.5, 4.0], 0.6), (2, 1), "side by side");
        assert_eq!(
            bars(&[1.0, 2.0, 3.0, 4.0], 1.1),
            (3, 2),
            "the first and the third share a line"
        );
    }
}
