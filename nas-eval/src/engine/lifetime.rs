//! The lifetimes of maps and gradients, so that their memory can be reused.

use super::plan::{Op, Plan, Step};

/// For each wave, the steps whose maps are free after it.
#[derive(Debug)]
pub(super) struct MapLifetimes {
    /// Where nothing is done but to go forward.
    pub(super) forward: Vec<Vec<usize>>,
    /// On the way back, where all are kept on the way forward.
    pub(super) back: Vec<Vec<usize>>,
}

impl MapLifetimes {
    /// Those of the maps of these steps in these waves; the maps of `outputs` are read when all
    /// waves are done.
    pub(super) fn new(steps: &[Step], waves: &[Vec<usize>], outputs: &[usize]) -> Self {
        let wave_of = wave_of(steps.len(), waves);
        let (mut forward, mut back) = (vec![Vec::new(); waves.len()], vec![Vec::new(); waves.len()]);
        for (index, step) in steps.iter().enumerate() {
            let last_read = step.readers.iter().map(|&(reader, _)| wave_of[reader]).max();
            if let (Some(wave), false) = (last_read, outputs.contains(&index)) {
                forward[wave].push(index);
            }
            // Its gradient is made of it when it is handed down.
            let is_handed_down =
                step.norm.is_some() || matches!(&step.op, Op::Pooling(pooling) if pooling.max);
            let handed_down = step.reads.iter().map(|read| wave_of[read.step]).min();
            let until = handed_down.filter(|_| is_handed_down);
            back[until.map_or(wave_of[index], |wave| wave.min(wave_of[index]))].push(index);
        }
        Self { forward, back }
    }
}

/// For each wave, the steps whose place for a gradient is free once the wave has been gone back
/// through.
///
/// `holder` says in whose place the gradient of a step lies: its own, that of a sum which reads its
/// map, or nowhere. It is read when the gradients of the maps are found that the step reads.
pub(super) fn gradients_free_after(plan: &Plan, holder: impl Fn(usize) -> Option<usize>) -> Vec<Vec<usize>> {
    let wave_of = wave_of(plan.steps.len(), &plan.waves);
    let mut last = vec![None; plan.steps.len()];
    for (index, step) in plan.steps.iter().enumerate() {
        let Some(place) = holder(index) else { continue };
        let read = step.reads.iter().map(|read| wave_of[read.step]).min();
        let until = read.unwrap_or(wave_of[index]).min(wave_of[place]);
        last[place] = Some(last[place].map_or(until, |other: usize| other.min(until)));
    }
    let mut free = vec![Vec::new(); plan.waves.len()];
    for (place, until) in last.into_iter().enumerate() {
        if let Some(wave) = until {
            free[wave].push(place);
        }
    }
    free
}

/// The wave of each step.
fn wave_of(steps: usize, waves: &[Vec<usize>]) -> Vec<usize> {
    let mut wave_of = vec![0; steps];
    for (number, wave) in waves.iter().enumerate() {
        for &index in wave {
            wave_of[index] = number;
        }
    }
    wave_of
}
