//! Where buffers lie in one arena, so that those alive at the same time do not overlap.

/// Bytes that are in use for some of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) bytes: u64,
    /// The step that writes it first.
    pub(super) from: usize,
    /// The last step that needs it, at least `from`.
    pub(super) to: usize,
}

impl Slot {
    fn meets(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

/// How often the slots that reach highest are put first.
const ROUNDS: usize = 24;

/// The offset of each slot, and the length of the arena.
///
/// Each slot is put at the lowest place that is free for as long as it lasts, the largest first, or
/// the longest-lived, or the earliest, whichever needs the smallest arena. As long as that is more
/// than `least`, the slot that reaches highest is put before all others, and the placing repeated,
/// at most 24 times.
pub(super) fn place(slots: &[Slot], least: u64) -> (Vec<u64>, u64) {
    let mut meeting = vec![Vec::new(); slots.len()];
    let mut by_start: Vec<usize> = (0..slots.len()).collect();
    by_start.sort_by_key(|&slot| (slots[slot].from, slot));
    let mut open: Vec<usize> = Vec::new();
    for &slot in &by_start {
        open.retain(|&earlier| slots[earlier].meets(&slots[slot]));
        for &other in &open {
            meeting[slot].push(other);
            meeting[other].push(slot);
        }
        open.push(slot);
    }
    let lasts = |slot: usize| slots[slot].to - slots[slot].from;
    let mut by_size = by_start.clone();
    by_size.sort_by_key(|&slot| std::cmp::Reverse((slots[slot].bytes, lasts(slot))));
    let mut by_life = by_start.clone();
    by_life.sort_by_key(|&slot| std::cmp::Reverse((lasts(slot), slots[slot].bytes)));
    let mut best: Option<(Vec<u64>, u64)> = None;
    let mut better = |found: (Vec<u64>, u64)| {
        if best.as_ref().is_none_or(|best| found.1 < best.1) {
            best = Some(found);
        }
        best.as_ref().is_some_and(|best| best.1 <= least)
    };
    for mut order in [by_size, by_start, by_life] {
        let mut found = in_turn(slots, &meeting, &order);
        let mut done = better(found.clone());
        for _ in 0..ROUNDS {
            if done {
                break;
            }
            let (offsets, length) = &found;
            let highest = |&slot: &usize| offsets[slot] + slots[slot].bytes == *length;
            // One that is first already is not at fault.
            let Some(place) = order.iter().rposition(highest).filter(|&place| place > 0) else {
                break;
            };
            order[..=place].rotate_right(1);
            found = in_turn(slots, &meeting, &order);
            done = better(found.clone());
        }
        if done {
            break;
        }
    }
    best.unwrap_or_default()
}

/// Puts one slot after the other at its lowest free place.
fn in_turn(slots: &[Slot], meeting: &[Vec<usize>], order: &[usize]) -> (Vec<u64>, u64) {
    let mut offsets: Vec<Option<u64>> = vec![None; slots.len()];
    let mut length = 0;
    let mut taken: Vec<(u64, u64)> = Vec::new();
    for &slot in order {
        taken.clear();
        taken.extend(meeting[slot].iter().filter_map(|&other| {
            let from = offsets[other]?;
            Some((from, from + slots[other].bytes))
        }));
        taken.sort_unstable();
        let mut offset = 0;
        for &(from, to) in &taken {
            if offset + slots[slot].bytes <= from {
                break;
            }
            offset = offset.max(to);
        }
        offsets[slot] = Some(offset);
        length = length.max(offset + slots[slot].bytes);
    }
    (
        offsets.into_iter().map(Option::unwrap_or_default).collect(),
        length,
    )
}
