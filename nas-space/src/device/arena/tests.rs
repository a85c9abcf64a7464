use proptest::prelude::*;

use super::*;
use crate::device::search::Search;
use crate::device::steps::Problem;
use crate::network::{Conv2d, NetworkBuilder, NetworkConfig};
use crate::op::Operations;
use crate::seed::Seed;
use crate::shape::Shape;
use crate::spaces;

/// Graphs of steps of which each is read, or is the last.
fn problems(most: usize) -> impl Strategy<Value = Problem> {
    (2..=most)
        .prop_flat_map(|count| {
            let step = (1..20_u64, any::<u32>(), any::<u8>());
            proptest::collection::vec(step, count)
        })
        .prop_map(|rows| {
            let count = rows.len();
            let mut problem = Problem {
                bytes: rows.iter().map(|row| row.0).collect(),
                reads: Vec::new(),
                in_place: Vec::new(),
                kept: vec![false; count],
            };
            problem.kept[count - 1] = true;
            for (step, &(_, reads, sum)) in rows.iter().enumerate() {
                // Few of the steps before it, mostly late ones.
                let chance = |from: usize| 3 + 2 * (step - from) as u32;
                let mut from: Vec<usize> = (0..step)
                    .filter(|&from| (reads.rotate_left(5 * from as u32) & 0xff) % chance(from) == 0)
                    .collect();
                if from.is_empty() && step > 0 {
                    from.push(step - 1);
                }
                if sum % 3 == 0 {
                    // A sum of equal sizes.
                    let alike = problem.bytes[from.first().copied().unwrap_or(step)];
                    problem.bytes[step] = alike;
                    let alike = |&from: &usize| problem.bytes[from] == alike;
                    problem
                        .in_place
                        .push(from.iter().copied().filter(alike).collect());
                } else {
                    problem.in_place.push(Vec::new());
                }
                problem.reads.push(from);
            }
            // What nothing reads, the last one does.
            let readers = problem.readers();
            let unread = (0..count - 1).filter(|&step| readers[step].is_empty());
            problem.reads[count - 1].extend(unread);
            problem.reads[count - 1].sort_unstable();
            problem
        })
}

/// The peak of an order, by the definition.
fn peak(problem: &Problem, order: &[usize]) -> u64 {
    let at = |step: usize| order.iter().position(|&s| s == step).unwrap();
    let last = |buffer: usize| {
        let readers = (0..problem.len()).filter(|&step| problem.reads[step].contains(&buffer));
        match problem.kept[buffer] {
            true => usize::MAX,
            false => readers.map(at).max().unwrap_or(at(buffer)),
        }
    };
    let alive = |place: usize| {
        let step = order[place];
        let all = order[..=place].iter().filter(|&&buffer| last(buffer) >= place);
        let all: u64 = all.map(|&buffer| problem.bytes[buffer]).sum();
        let replaced = problem.in_place[step]
            .iter()
            .find(|&&buffer| last(buffer) == place);
        all - replaced.map_or(0, |&buffer| problem.bytes[buffer])
    };
    (0..order.len()).map(alive).max().unwrap()
}

/// The lowest peak of all orders.
fn lowest(problem: &Problem, order: &mut Vec<usize>, best: &mut u64) {
    if order.len() == problem.len() {
        *best = peak(problem, order).min(*best);
        return;
    }
    for step in 0..problem.len() {
        let ready = problem.reads[step].iter().all(|read| order.contains(read));
        if ready && !order.contains(&step) {
            order.push(step);
            lowest(problem, order, best);
            order.pop();
        }
    }
}

fn steps_of(problem: Problem) -> Steps {
    Steps {
        layers: (0..problem.len()).map(LayerId::of).collect(),
        problem,
    }
}

/// Maps that are alive at the same time share no byte, unless one replaces the other.
fn check_places(problem: &Problem, arena: &Arena) {
    let maps = arena.maps();
    let order: Vec<usize> = maps.iter().map(|map| map.layer.index()).collect();
    assert_eq!(peak(problem, &order), arena.peak());
    assert!(arena.least() <= arena.peak() && arena.peak() <= arena.bytes());
    assert_eq!(maps.iter().map(|map| map.alive).max(), Some(arena.peak()));
    assert_eq!(maps[arena.peak_step()].alive, arena.peak());
    for (late, map) in maps.iter().enumerate() {
        assert!(map.offset + map.bytes <= arena.bytes());
        let step = map.layer.index();
        for (early, other) in maps[..late].iter().enumerate() {
            let from = other.layer.index();
            if problem.reads[step].contains(&from) {
                assert!(other.last_step >= late);
            }
            let apart = map.offset + map.bytes <= other.offset || other.offset + other.bytes <= map.offset;
            let replaces = other.last_step == late
                && map.in_place
                && problem.in_place[step].contains(&from)
                && other.offset == map.offset
                && other.bytes == map.bytes;
            assert!(
                other.last_step < late || apart || replaces,
                "{early} and {late} of {arena:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_best_order_is_that_of_trying_all(problem in problems(8)) {
        let mut best = u64::MAX;
        lowest(&problem, &mut vec![0], &mut best);
        let bound = Search::new(&problem).bound();
        prop_assert!(bound <= best);
        let arena = Arena::new(&steps_of(problem.clone()), usize::MAX);
        prop_assert_eq!((arena.peak(), arena.least()), (best, best));
        check_places(&problem, &arena);
        // Without any search, what is said is right still.
        let arena = Arena::new(&steps_of(problem.clone()), 0);
        prop_assert!(arena.least() <= best && best <= arena.peak());
        check_places(&problem, &arena);
    }

    #[test]
    fn maps_that_are_alive_together_do_not_overlap(problem in problems(40)) {
        for limit in [0, 50, 2_000] {
            let arena = Arena::new(&steps_of(problem.clone()), limit);
            check_places(&problem, &arena);
        }
    }
}

/// Networks of every space: one of another number of bytes has the same orders, and more bytes.
#[test]
fn arenas_of_all_spaces_hold_their_maps() {
    for &name in spaces::names() {
        let space = spaces::by_name(name).unwrap();
        for seed in 0..4 {
            let architecture = space.sample(&mut Seed::new(seed).rng());
            let config = NetworkConfig {
                image: Shape::new(3, 17, 12),
                cells: 4,
                channels: 8,
                ..NetworkConfig::default()
            };
            let network = space.network(&architecture, &config).unwrap();
            let int8 = Arena::of(&network, ArenaConfig::new(Number::Int8));
            let f32 = Arena::of(&network, ArenaConfig::new(Number::F32));
            assert_eq!(
                (4 * int8.bytes(), 4 * int8.least()),
                (f32.bytes(), f32.least()),
                "{name}"
            );
            let aligned = ArenaConfig::new(Number::Int8).with_alignment(16).unwrap();
            let aligned = Arena::of(&network, aligned);
            assert!(aligned.maps().iter().all(|map| map.offset % 16 == 0), "{name}");
            assert!(aligned.bytes() >= int8.least());
            let last = int8.maps().last().unwrap();
            assert_eq!((last.layer, last.bytes), (network.logits(), 10), "{name}");
            let first = int8.maps()[0];
            assert_eq!((first.layer.index(), first.bytes), (0, 3 * 17 * 12), "{name}");
        }
    }
}

/// Two branches from one map: the one that shrinks it has to come first.
#[test]
fn the_order_of_branches_is_chosen() {
    let mut b = NetworkBuilder::new(Shape::new(1, 8, 8)).unwrap();
    let wide = b.conv(b.image(), Conv2d::same(8, [3, 3])).unwrap();
    let large = b.conv(wide, Conv2d::same(4, [3, 3])).unwrap();
    let large = b.conv(large, Conv2d::pointwise(1)).unwrap();
    let small = b.conv(wide, Conv2d::pointwise(1)).unwrap();
    let both = b.concat(&[large, small]).unwrap();
    let logits = b.linear(both, 2).unwrap();
    let network = b.finish(logits, None);
    let arena = Arena::of(&network, ArenaConfig::new(Number::Int8));
    // Second branch first: then wide, small and large, and wide is free after that.
    assert_eq!((arena.bytes(), arena.is_exact()), (64 * (8 + 1 + 4), true));
    let order: Vec<usize> = arena.maps().iter().map(|map| map.layer.index()).collect();
    assert_eq!(order, [0, 1, 4, 2, 3, 6]);
    assert_eq!(arena.peak_step(), 3);
}

#[test]
fn alignments_that_cannot_be_are_refused() {
    let f32 = ArenaConfig::new(Number::F32);
    for alignment in [0, 1, 2, 12, 8_192] {
        let error = f32.with_alignment(alignment).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!(
                "alignment is {alignment}; expected a power of two from 4"
            )),
            "{error}"
        );
    }
}

#[test]
fn the_largest_networks_are_counted_without_wrapping_around() {
    let config = NetworkConfig {
        image: Shape::new(65_536, 65_536, 65_536),
        channels: 65_536,
        ..NetworkConfig::default()
    };
    let genotype = &crate::named::by_name("DARTS_V2").unwrap().genotype;
    let network = genotype.network(&Operations::standard(), &config).unwrap();
    let arena = Arena::of(&network, ArenaConfig::new(Number::F32));
    assert!(arena.bytes() >= 3 << 48, "{}", arena.bytes());
}
