//! For how long the gradients of maps are needed on the way back, so that their memory can be used again.

use super::plan::Plan;

/// For each wave, the steps whose place for a gradient is free once the wave has been gone back through.
///
/// `holder` says in whose place the gradient of a step lies: its own, that of a sum which reads its map, or nowhere. It is read
/// when the gradients of the maps are found that the step reads.
pub(super) fn free_after(plan: &Plan, holder: impl Fn(usize) -> Option<usize>) -> Vec<Vec<usize>> {
    let mut wave_of = vec![0; plan.steps.len()];
    for (number, wave) in plan.waves.iter().enumerate() {
        for &index in wave {
            wave_of[index] = number;
        }
    }
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
