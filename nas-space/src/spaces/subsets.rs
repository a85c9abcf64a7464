//! Sets of `size` among the states 0, 1, 2, …, numbered so that a set keeps its number when states
//! are added.
//!
//! The order is colexicographic: by the largest member, then the second largest, and so on. Pairs
//! come as (0, 1), (0, 2), (1, 2), (0, 3), …; those among the first `n` states are the first
//! n·(n−1)/2.

/// Number of sets of `size` among `states`, if it can be counted.
pub(super) fn count(states: usize, size: usize) -> Option<usize> {
    let mut result = 1_usize;
    for i in 0..size {
        result = result.checked_mul(states.saturating_sub(i))? / (i + 1);
    }
    Some(result)
}

/// The sets of `size` among `states`, each in increasing order.
pub(super) fn all(states: usize, size: usize) -> Vec<Vec<usize>> {
    let mut sets = Vec::new();
    if size > states {
        return sets;
    }
    let mut set: Vec<usize> = (0..size).collect();
    loop {
        sets.push(set.clone());
        // The first member that can move up by one does; those below it start again.
        let limit = |i: usize, set: &[usize]| set.get(i + 1).copied().unwrap_or(states);
        let Some(i) = (0..size).find(|&i| set[i] + 1 < limit(i, &set)) else {
            return sets;
        };
        set[i] += 1;
        for (j, member) in set[..i].iter_mut().enumerate() {
            *member = j;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_keeps_its_number_when_states_are_added() {
        for size in 1..5 {
            for states in size..8 {
                let (fewer, more) = (all(states, size), all(states + 1, size));
                assert_eq!(more[..fewer.len()], fewer);
                assert_eq!(Some(fewer.len()), count(states, size));
            }
        }
        assert_eq!(all(3, 2), [[0, 1], [0, 2], [1, 2]]);
        assert_eq!(count(4, 6), Some(0));
        assert_eq!(count(usize::MAX, 3), None);
    }
}
