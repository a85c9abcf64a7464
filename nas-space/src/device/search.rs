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

/// Sets at which the search was given up, from which orders are completed.
const DIVES: usize = 4;

/// Steps of a part from which on its best order is not searched: sets of them would take too much
/// memory.
pub(super) const MOST_STEPS: usize = 2_000;

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

/// A set that was reached and looked at.
#[derive(Debug)]
struct Reached {
    /// Where from, by its number.
    parent: usize,
    /// The steps from there.
    steps: Vec<usize>,
    state: State,
}

/// All steps to the set of this number.
fn way(reached: &[Reached], number: usize) -> Vec<usize> {
    let mut parts = Vec::new();
    let mut next = reached.get(number);
    while let Some(set) = next {
        parts.push(set.steps.as_slice());
        next = reached.get(set.parent);
    }
    parts.reverse();
    parts.concat()
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
    ///
    /// Where there are more than [`MOST_STEPS`], only those of the steps themselves count.
    pub(super) fn bound(&self) -> u64 {
        let (problem, count) = (self.problem, self.problem.len());
        if count > MOST_STEPS {
            let read = |step: usize| {
                let mut reads = problem.reads[step].clone();
                reads.sort_unstable();
                reads.dedup();
                reads.iter().map(|&read| problem.bytes[read]).sum::<u64>()
            };
            let needs = (0..count).map(|step| problem.bytes[step].max(read(step)));
            return needs.max().unwrap_or_default();
        }
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
            let later = |buffer: usize| {
                problem.kept[buffer] || {
                    let mut readers = self.readers[buffer].iter();
                    readers.any(|&reader| after[step].contains(reader))
                }
            };
            let must = |buffer: &&usize| {
                after[**buffer].contains(step) && (later(**buffer) || self.readers[**buffer].contains(&step))
            };
            let alive: u64 = open
                .iter()
                .filter(must)
                .map(|&buffer| problem.bytes[buffer])
                .sum();
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
        let (order, peak) = self.dive_from(self.start(), floor.max(self.problem.bytes[0]), vec![0]);
        Ordered {
            order,
            peak,
            least: floor,
        }
    }

    /// The rest of an order that has needed `peak` so far, always with the step that needs least,
    /// and of those the one that leaves least alive.
    fn dive_from(&self, mut state: State, mut peak: u64, mut order: Vec<usize>) -> (Vec<usize>, u64) {
        loop {
            self.settle(&mut state, peak, &mut order);
            let choice = state.ready.iter().copied().min_by_key(|&step| {
                let during = self.during(&state, step).max(peak);
                (during, self.after(&state, step), step)
            });
            let Some(step) = choice else {
                return (order, peak);
            };
            peak = peak.max(self.during(&state, step));
            self.execute(&mut state, step);
            order.push(step);
        }
    }

    /// The best order, if it is found before `limit` sets have been looked at: the one of `known`,
    /// or one that needs less. Nothing is gained by needing less than `floor`.
    pub(super) fn best(&self, known: Ordered, floor: u64, limit: usize) -> Ordered {
        let mut known = known;
        let mut reached: Vec<Reached> = Vec::new();
        let mut seen: HashMap<Bits, u64> = HashMap::new();
        let mut settled: HashSet<Bits> = HashSet::new();
        // Least memory first, then most steps done, then the first found: a set that was looked at
        // and a step from there.
        type Open = (Reverse<u64>, usize, Reverse<usize>, usize);
        let root: Open = (
            Reverse(floor.max(self.problem.bytes[0])),
            0,
            Reverse(usize::MAX),
            0,
        );
        let mut open = BinaryHeap::from([root]);
        while let Some((Reverse(peak), _, Reverse(parent), step)) = open.pop() {
            known.least = peak.min(known.peak);
            if peak >= known.peak {
                return known;
            }
            if reached.len() >= limit {
                // Whatever is left needs this much, and may end well.
                let last = [(Reverse(peak), 0, Reverse(parent), step)];
                let rest = last.into_iter().chain(std::iter::from_fn(|| open.pop()));
                for (Reverse(peak), _, Reverse(parent), step) in rest.take(DIVES) {
                    let Some(from) = reached.get(parent) else { break };
                    let mut state = from.state.clone();
                    self.execute(&mut state, step);
                    let mut steps = way(&reached, parent);
                    steps.push(step);
                    let (order, peak) = self.dive_from(state, peak, steps);
                    if peak < known.peak {
                        (known.order, known.peak) = (order, peak);
                    }
                }
                return known;
            }
            let mut steps = Vec::new();
            let mut state = match reached.get(parent) {
                Some(parent) => {
                    let mut state = parent.state.clone();
                    self.execute(&mut state, step);
                    steps.push(step);
                    state
                }
                None => {
                    steps.push(0);
                    self.start()
                }
            };
            self.settle(&mut state, peak, &mut steps);
            // The first way to a set needs least.
            if !settled.insert(state.done.clone()) {
                continue;
            }
            let number = reached.len();
            reached.push(Reached { parent, steps, state });
            let state = &reached[number].state;
            if state.ready.is_empty() {
                return Ordered {
                    order: way(&reached, number),
                    peak,
                    least: peak,
                };
            }
            for &step in &state.ready {
                let needs = peak.max(self.during(state, step));
                if needs >= known.peak {
                    continue;
                }
                let mut done = state.done.clone();
                done.insert(step);
                let before = seen.entry(done).or_insert(u64::MAX);
                if needs < *before {
                    *before = needs;
                    open.push((Reverse(needs), state.count + 1, Reverse(number), step));
                }
            }
        }
        // Nothing that needs less than the known order is left.
        known.least = known.peak;
        known
    }

    fn start(&self) -> State {
        let count = self.problem.len();
        let waiting: Vec<u32> = self
            .problem
            .reads
            .iter()
            .map(|reads| reads.len() as u32)
            .collect();
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

    fn undo(&self, state: &mut State, step: usize, alive: u64) {
        for &reader in &self.readers[step] {
            if state.waiting[reader] == 0 {
                state.ready.retain(|&ready| ready != reader);
            }
            state.waiting[reader] += 1;
        }
        for &read in &self.problem.reads[step] {
            state.unread[read] += 1;
        }
        state.ready.push(step);
        state.done.remove(step);
        state.count -= 1;
        state.alive = alive;
    }

    /// Executes what costs nothing as long as there is any: steps that need at most `peak` and
    /// leave no more alive than before, and [detours](Self::detour).
    fn settle(&self, state: &mut State, peak: u64, order: &mut Vec<usize>) {
        loop {
            let mut ready = state.ready.iter().copied();
            if let Some(step) = ready.find(|&step| self.is_free(state, step, peak)) {
                self.execute(state, step);
                order.push(step);
                continue;
            }
            let mut ready = state.ready.clone();
            ready.sort_unstable();
            if !ready
                .into_iter()
                .any(|step| self.detour(state, step, peak, order))
            {
                return;
            }
        }
    }

    fn is_free(&self, state: &State, step: usize, peak: u64) -> bool {
        self.during(state, step) <= peak && self.after(state, step) <= state.alive
    }

    /// Executes `first`, which leaves more alive, and steps behind it, if no more is alive than
    /// before in the end. All have to be free once `first` is done, and to depend on it; one other
    /// may be among them.
    ///
    /// Putting all of them first makes no order worse either: whichever of them an order has
    /// executed at some point, executing the rest lowers what is alive. That is so as long as none
    /// of them could have lowered it without `first`, hence the condition.
    fn detour(&self, state: &mut State, first: usize, peak: u64, order: &mut Vec<usize>) -> bool {
        let before = state.alive;
        if self.during(state, first) > peak {
            return false;
        }
        // None of these lowers it by itself, at once.
        let mut others = state.ready.clone();
        others.retain(|&step| step != first && self.after(state, step) >= before);
        let mut way = vec![(first, before)];
        let mut behind = vec![first];
        self.execute(state, first);
        while state.alive > before {
            let depends = |step: usize| {
                let mut reads = self.problem.reads[step].iter();
                reads.any(|read| behind.contains(read))
            };
            let mut free = state.ready.iter().copied();
            let next = free.find(|&step| depends(step) && self.is_free(state, step, peak));
            let step = match next {
                Some(step) => {
                    behind.push(step);
                    step
                }
                None => {
                    let frees = |&step: &usize| {
                        self.is_free(state, step, peak) && self.after(state, step) < state.alive
                    };
                    let others = std::mem::take(&mut others);
                    let other = others.into_iter().filter(frees);
                    match other.min_by_key(|&step| (self.after(state, step), step)) {
                        Some(step) => step,
                        None => break,
                    }
                }
            };
            way.push((step, state.alive));
            self.execute(state, step);
        }
        if state.alive <= before {
            order.extend(way.iter().map(|(step, _)| step));
            return true;
        }
        for (step, alive) in way.into_iter().rev() {
            self.undo(state, step, alive);
        }
        false
    }
}
