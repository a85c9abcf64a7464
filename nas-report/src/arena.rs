//! The memory of a network's feature maps, in words and as pictures.

use nas_space::device::{Arena, Map};
use nas_space::network::Network;

use crate::number::{grouped, kibibytes};
use crate::plot::{MemoryChart, Stored};

/// Heights of a column in text, lowest first.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How long the arena is, where most of it is in use, and whether less could do.
pub fn described(arena: &Arena, network: &Network) -> String {
    let certainty = if arena.is_exact() {
        "no order of steps needs less".to_owned()
    } else {
        format!("every order of steps needs at least {}", kibibytes(arena.least()))
    };
    format!(
        "{} bytes ({}), most at step {} of {}, {}; {certainty}",
        grouped(arena.bytes()),
        kibibytes(arena.bytes()),
        arena.peak_step(),
        arena.maps().len() - 1,
        arena
            .maps()
            .get(arena.peak_step())
            .map_or("", |map| network.layer(map.layer).name.as_str()),
    )
}

/// What is in use over the steps, as a row of columns of text, at most `most` of them. A column that
/// stands for several steps shows the most that one of them needs.
pub fn profile(arena: &Arena, most: usize) -> String {
    let alive: Vec<u64> = arena.maps().iter().map(|map| map.alive).collect();
    let each = alive.len().div_ceil(most.max(1)).max(1);
    let top = arena.peak().max(1);
    let column = |steps: &[u64]| {
        let highest = steps.iter().copied().max().unwrap_or_default();
        // A full column is the peak and nothing less.
        let level = (u128::from(highest) * LEVELS.len() as u128 / u128::from(top)).saturating_sub(1);
        LEVELS[(level as usize).min(LEVELS.len() - 1)]
    };
    alive.chunks(each).map(column).collect()
}

/// The arena as a chart: each map a rectangle, from the step that writes it to the last one that
/// needs it.
pub fn chart(arena: &Arena, network: &Network) -> MemoryChart {
    let maps = arena.maps();
    // A map that is replaced ends where the one in its place begins.
    let replaced = |map: &Map| {
        let next = &maps[map.last_step];
        next.in_place && next.offset == map.offset && next.bytes == map.bytes
    };
    let stored = maps.iter().enumerate().map(|(step, map)| {
        let ends_before = map.last_step > step && replaced(map);
        Stored {
            name: network.layer(map.layer).name.clone(),
            from: step,
            to: map.last_step - usize::from(ends_before),
            offset: map.offset,
            bytes: map.bytes,
        }
    });
    MemoryChart {
        title: "Memory of the feature maps of one image".to_owned(),
        subtitle: described(arena, network),
        stored: stored.collect(),
        bytes: arena.bytes(),
        peak: Some(arena.peak_step()),
    }
}

#[cfg(test)]
mod tests {
    use nas_space::device::{ArenaConfig, Number};
    use nas_space::named;
    use nas_space::network::NetworkConfig;
    use nas_space::op::Operations;

    use super::*;
    use crate::plot::memory;

    fn resnet() -> (Network, Arena) {
        let genotype = &named::by_name("RESNET8").unwrap().genotype;
        let network = genotype
            .network(&Operations::standard(), &NetworkConfig::default())
            .unwrap();
        let arena = Arena::of(&network, ArenaConfig::new(Number::Int8));
        (network, arena)
    }

    #[test]
    fn the_words_say_how_much_where_and_how_sure() {
        let (network, arena) = resnet();
        assert_eq!(
            described(&arena, &network),
            "49,152 bytes (48.0 KiB), most at step 3 of 14, blocks.1.second.conv; no order of steps needs less"
        );
        assert_eq!(profile(&arena, 80), "▁▃▅█▅▄▅▅▂▂▂▂▁▁▁");
    }

    #[test]
    fn the_profile_keeps_the_peak_at_any_width() {
        let (_, arena) = resnet();
        for most in 0..40 {
            let profile = profile(&arena, most);
            assert!(profile.chars().count() <= most.max(1), "{most}: {profile}");
            assert_eq!(profile.matches('█').count().min(1), 1, "{most}: {profile}");
        }
    }

    #[test]
    fn maps_in_the_chart_do_not_overlap() {
        let (network, arena) = resnet();
        let chart = chart(&arena, &network);
        assert_eq!(chart.stored.len(), arena.maps().len());
        for (number, one) in chart.stored.iter().enumerate() {
            for other in &chart.stored[..number] {
                let together = other.to >= one.from && one.to >= other.from;
                let apart =
                    one.offset + one.bytes <= other.offset || other.offset + other.bytes <= one.offset;
                assert!(!together || apart, "{one:?} and {other:?}");
            }
        }
        assert!(memory(&chart).contains("blocks.1.second.conv: 16,384 bytes"));
    }
}
