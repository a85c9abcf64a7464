//! The order of steps that needs least memory at its worst step.
//!
//! What is alive depends only on which steps have been executed, so orders are ways through the
//! sets of executed steps (Ahn et al. 2020, arXiv 2003.02369). They are searched best first, by the
//! most memory on the way. Of a set, a step that fits into the memory already needed and leaves no
//! more alive than before is executed at once: putting it first makes no order worse, since what
//! else has been executed by then can only let it free more.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::bits::Bits;
use super::steps::Problem;

/// An order of the steps, and what is known of the best one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ordered {
    /// The steps as they are executed.
    pub(super) order: Vec<usize>,
    /// Most bytes that are alive at one step, or `floor` if that is more.
    pub(super) peak: u64,
    /// What no order can do with less than, or `floor` if that is more.
    pub(super) least: u64,
}

/// The sums that the search moves through: which steps are done, and what follows from that.
#[derive(Debug, Clone)]
struct State {
    done: Bits,
    count: usize,
    /// For each buffer, how many steps are to read it yet.
    unread: Vec<u32>,
    /// For each step, how many of those it reads are to be done yet.
    waiting: Vec<u32>,
    /// Steps that can be executed.
    ready: Vec<usize>,
    /// Bytes of the buffers that are to be read yet.
    alive: u64,
}

/// A problem and who reads what.
#[derive(Debug)]
pub(super) struct Search<'a> {
    problem: &'a Problem,
    readers: Vec<Vec<usize>>,
}

/// A set that was reached.
#[derive(Debug)]
struct Node {
    parent: usize,
    /// The step that led to it from where its parent's [`Search::settle`] ends.
    step: usize,
    peak: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(problem: &'a Problem) -> Self {
        let readers = problem.readers();
        Self { problem, readers }
    }

    /// The most bytes alive while the steps are executed in this order.
    pub(super) fn peak_of(&self, order: &[usize]) -> u64 {
        let mut state = self.start();
        let mut peak = self.problem.bytes[0];
        for &step in &order[1..] {
            peak = peak.max(self.during(&state, step));
            self.execute(&mut state, step);
        }
        peak
    }

    /// A number of bytes that every order needs: at each step, those of the buffers that are
    /// written before it in any order and read by it or after it in any order.
    pub(super) fn bound(&self) -> u64 {
        let (problem, count) = (self.problem, self.problem.len());
        let mut after = vec![Bits::new(count); count];
        for step in (0..count).rev() {
            for &reader in &self.readers[step] {
                let reached = std::mem::take(&mut after[reader]);
                after[step].insert(reader);
                after[step].join(&reached);
                after[reader] = reached;
            }
        }
        let mut open: Vec<usize> = Vec::new();
        let mut bound = 0;
        for step in 0..count {
            let later = |buffer: usize| problem.kept[buffer] || {
                let mut readers = self.readers[buffer].iter();
                readers.any(|&reader| after[step].contains(reader))
            };
            let must = |buffer: &&usize| {
                after[**buffer].contains(step)
                    && (later(**buffer) || self.readers[**buffer].contains(&step))
            };
            let alive: u64 = open.iter().filter(must).map(|&buffer| problem.bytes[buffer]).sum();
            let replaces = problem.in_place[step].iter().any(|&buffer| !later(buffer));
            bound = bound.max(alive + if replaces { 0 } else { problem.bytes[step] });
            open.push(step);
            let last = |buffer: usize| self.readers[buffer].last().copied().unwrap_or_default();
            open.retain(|&buffer| problem.kept[buffer] || last(buffer) > step);
        }
        bound
    }

    /// A good order, found without going back.
    pub(super) fn dive(&self, floor: u64) -> Ordered {
        let mut state = self.start();
        let mut peak = floor.max(self.problem.bytes[0]);
        let mut order = vec![0];
        loop {
            self.settle(&mut state, peak, &mut order);
            let choice = state.ready.iter().copied().min_by_key(|&step| {
                let during = self.during(&state, step).max(peak);
                (during, self.after(&state, step), step)
            });
            let Some(step) = choice else { break };
            peak = peak.max(self.during(&state, step));
            self.execute(&mut state, step);
            order.push(step);
        }
        Ordered {
            order,
            peak,
            least: floor,
        }
    }

    /// The best order, if it is found before `limit` sets have been looked at: the one of `known`,
    /// or one that needs less. Nothing is gained by needing less than `floor`.
    pub(super) fn best(&self, known: Ordered, floor: u64, limit: usize) -> Ordered {
        let mut known = known;
        let mut nodes = vec![Node {
            parent: 0,
            step: 0,
            peak: floor.max(self.problem.bytes[0]),
        }];
        let mut seen: HashMap<Bits, u64> = HashMap::new();
        let mut settled: HashSet<Bits> = HashSet::new();
        // Least memory first, then most steps done, then the first found.
        let mut open = BinaryHeap::from([(Reverse(nodes[0].peak), 1, Reverse(0))]);
        let mut looked_at = 0;
        while let Some((Reverse(peak), _, Reverse(number))) = open.pop() {
            known.least = peak.min(known.peak);
            if peak >= known.peak || looked_at == limit {
                return known;
            }
            let mut order = Vec::with_capacity(self.problem.len());
            let mut state = self.replay(&nodes, number, &mut order);
            self.settle(&mut state, peak, &mut order);
            // The first way to a set needs least.
            if !settled.insert(state.done.clone()) {
                continue;
            }
            looked_at += 1;
            if state.ready.is_empty() {
                return Ordered {
                    order,
                    peak,
                    least: peak,
                };
            }
            for &step in &state.ready {
                let needs = peak.max(self.during(&state, step));
                if needs >= known.peak {
                    continue;
                }
                let mut done = state.done.clone();
                done.insert(step);
                let before = seen.entry(done).or_insert(u64::MAX);
                if needs < *before {
                    *before = needs;
                    open.push((Reverse(needs), state.count + 1, Reverse(nodes.len())));
                    nodes.push(Node {
                        parent: number,
                        step,
                        peak: needs,
                    });
                }
            }
        }
        // Nothing that needs less than the known order is left.
        known.least = known.peak;
        known
    }

    /// The state of a node, and the order that leads to it.
    fn replay(&self, nodes: &[Node], number: usize, order: &mut Vec<usize>) -> State {
        let mut way = vec![number];
        while let Some(&last) = way.last()
            && last > 0
        {
            way.push(nodes[last].parent);
        }
        let mut state = self.start();
        order.push(0);
        for pair in way.windows(2).rev() {
            let [child, parent] = [&nodes[pair[0]], &nodes[pair[1]]];
            self.settle(&mut state, parent.peak, order);
            self.execute(&mut state, child.step);
            order.push(child.step);
        }
        state
    }

    fn start(&self) -> State {
        let count = self.problem.len();
        let waiting: Vec<u32> = self.problem.reads.iter().map(|reads| reads.len() as u32).collect();
        let mut state = State {
            done: Bits::new(count),
            count: 0,
            unread: self.readers.iter().map(|readers| readers.len() as u32).collect(),
            ready: (0..count).filter(|&step| waiting[step] == 0).collect(),
            waiting,
            alive: 0,
        };
        self.execute(&mut state, 0);
        state
    }

    /// Bytes alive while this step is executed.
    fn during(&self, state: &State, step: usize) -> u64 {
        let replaces = |&&buffer: &&usize| state.unread[buffer] == 1 && !self.problem.kept[buffer];
        match self.problem.in_place[step].iter().find(replaces) {
            Some(_) => state.alive,
            None => state.alive + self.problem.bytes[step],
        }
    }

    /// Bytes alive after it.
    fn after(&self, state: &State, step: usize) -> u64 {
        let problem = self.problem;
        let last = |&&buffer: &&usize| state.unread[buffer] == 1 && !problem.kept[buffer];
        let freed = problem.reads[step].iter().filter(last);
        let freed: u64 = freed.map(|&buffer| problem.bytes[buffer]).sum();
        let lasts = problem.kept[step] || state.unread[step] > 0;
        state.alive + if lasts { problem.bytes[step] } else { 0 } - freed
    }

    fn execute(&self, state: &mut State, step: usize) {
        state.alive = self.after(state, step);
        state.done.insert(step);
        state.count += 1;
        for &read in &self.problem.reads[step] {
            state.unread[read] -= 1;
        }
        state.ready.retain(|&ready| ready != step);
        for &reader in &self.readers[step] {
            state.waiting[reader] -= 1;
            if state.waiting[reader] == 0 {
                state.ready.push(reader);
            }
        }
    }

    /// Executes what costs nothing as long as there is any: steps that need at most `peak` and
    /// leave no more alive than before.
    fn settle(&self, state: &mut State, peak: u64, order: &mut Vec<usize>) {
        let free = |state: &State, step: usize| {
            self.during(state, step) <= peak && self.after(state, step) <= state.alive
        };
        while let Some(step) = state.ready.iter().copied().find(|&step| free(state, step)) {
            self.execute(state, step);
            order.push(step);
        }
    }
}
