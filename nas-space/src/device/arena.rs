//! All feature maps of a network in one block of memory.

use serde::{Deserialize, Serialize};

use super::order::order;
use super::place::{Slot, place};
use super::steps::Steps;
use crate::error::SpaceError;
use crate::network::{LayerId, Network};

/// Sets of steps that are looked at for the best order of each part of a network.
const LOOKED_AT: usize = 2_000;
/// Largest alignment, in bytes.
const MOST_ALIGNMENT: u64 = 4_096;

/// How the numbers of feature maps and weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    /// Integers of 8 bits: quantized networks.
    Int8,
    /// Floating-point numbers of 32 bits.
    F32,
}

impl Number {
    /// Bytes of one.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Int8 => 1,
            Self::F32 => 4,
        }
    }
}

/// How feature maps are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArenaConfig {
    number: Number,
    alignment: u64,
}

impl ArenaConfig {
    /// Maps of these numbers, each beginning at a multiple of their size, as arrays of C do.
    pub const fn new(number: Number) -> Self {
        Self {
            number,
            alignment: number.bytes(),
        }
    }

    /// The same with maps that begin at multiples of this number of bytes.
    ///
    /// # Errors
    /// [`SpaceError::Config`] where it is not a power of two from the size of a number to 4,096.
    pub fn with_alignment(self, alignment: u64) -> Result<Self, SpaceError> {
        let least = self.number.bytes();
        if !alignment.is_power_of_two() || !(least..=MOST_ALIGNMENT).contains(&alignment) {
            let expected = format!("a power of two from {least} to {MOST_ALIGNMENT}");
            return Err(SpaceError::config("alignment", alignment, expected));
        }
        Ok(Self { alignment, ..self })
    }
}

/// The feature maps of a network in one block of memory, while one image passes through it.
///
/// Steps are executed one after the other, each of which writes one map; the [module](super) says
/// which layers are steps. A map is alive from the step that writes it to the last one that reads
/// it, both included, and those alive at the same time do not overlap. The image is the first map
/// and the class scores are the last; both are in the arena. Scratch memory of kernels is not.
///
/// # Example
/// ```
/// use nas_space::device::{Arena, ArenaConfig, Number};
/// use nas_space::named;
/// use nas_space::network::NetworkConfig;
/// use nas_space::op::Operations;
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let genotype = &named::by_name("NB201_RESNET")?.genotype;
/// let network = genotype.network(&Operations::standard(), &NetworkConfig::default())?;
/// let arena = Arena::of(&network, ArenaConfig::new(Number::Int8));
/// // Four maps of 16×32×32: the input of a cell, its first node, and two terms of its second one.
/// assert_eq!(arena.bytes(), 4 * 16 * 32 * 32);
/// assert!(arena.is_exact());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arena {
    bytes: u64,
    peak: u64,
    least: u64,
    maps: Vec<Map>,
}

/// A feature map in an [`Arena`], and the step that writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Map {
    /// Index of the layer whose output is written, in [`Network::layers`].
    #[serde(serialize_with = "index")]
    pub layer: LayerId,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes, rounded up to the alignment.
    pub bytes: u64,
    /// The last step that needs it, by its number in [`Arena::maps`]: the last of all for the class
    /// scores.
    pub last_step: usize,
    /// Whether it replaces a map that it is computed from, in the same place: a sum in place.
    pub in_place: bool,
    /// Bytes of all maps alive while it is written, itself included.
    pub alive: u64,
}

fn index<S: serde::Serializer>(layer: &LayerId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(layer.index() as u64)
}

impl Arena {
    /// The arena of this network.
    ///
    /// Maps of more than 2⁴⁸ bytes count as that.
    ///
    /// # Complexity
    /// Linear in layers times maps alive at a time, where the bound on the best order is reached at
    /// once; otherwise up to 2,000 sets of steps are looked at for each part between single maps.
    pub fn of(network: &Network, config: ArenaConfig) -> Self {
        let steps = Steps::of(network, config.number.bytes(), config.alignment);
        Self::new(&steps, LOOKED_AT)
    }

    fn new(steps: &Steps, limit: usize) -> Self {
        let problem = &steps.problem;
        let ordered = order(problem, limit);
        let order = &ordered.order;
        let mut at = vec![0; order.len()];
        for (place, &step) in order.iter().enumerate() {
            at[step] = place;
        }
        // By the place of its step: the last one that reads the map.
        let mut last_step: Vec<usize> = (0..order.len()).collect();
        for (place, &step) in order.iter().enumerate() {
            for &read in &problem.reads[step] {
                last_step[at[read]] = last_step[at[read]].max(place);
            }
            if problem.kept[step] {
                last_step[place] = order.len() - 1;
            }
        }
        let mut slots: Vec<Slot> = Vec::new();
        let mut slot_of: Vec<usize> = Vec::with_capacity(order.len());
        let mut in_place = Vec::with_capacity(order.len());
        for (place, &step) in order.iter().enumerate() {
            let mut candidates = problem.in_place[step].iter().map(|&buffer| at[buffer]);
            let replaced = candidates.find(|&map| last_step[map] == place && !problem.kept[order[map]]);
            in_place.push(replaced.is_some());
            match replaced {
                Some(map) => {
                    let slot: usize = slot_of[map];
                    slots[slot].to = last_step[place];
                    slot_of.push(slot);
                }
                None => {
                    slot_of.push(slots.len());
                    slots.push(Slot {
                        bytes: problem.bytes[step],
                        from: place,
                        to: last_step[place],
                    });
                }
            }
        }
        let (offsets, bytes) = place(&slots, ordered.peak);
        let mut alive = vec![0; order.len()];
        for slot in &slots {
            alive[slot.from..=slot.to]
                .iter_mut()
                .for_each(|alive| *alive += slot.bytes);
        }
        let maps = order.iter().enumerate().map(|(place, &step)| Map {
            layer: steps.layers[step],
            offset: offsets[slot_of[place]],
            bytes: problem.bytes[step],
            last_step: last_step[place],
            in_place: in_place[place],
            alive: alive[place],
        });
        Self {
            bytes,
            peak: ordered.peak,
            least: ordered.least,
            maps: maps.collect(),
        }
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Most bytes of maps that are alive at one step, in this order of steps. The arena is at least
    /// as long; it is longer where the maps cannot be placed without gaps.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// Fewest bytes that an arena of this network can have, by what is known of all orders of its
    /// steps.
    pub fn least(&self) -> u64 {
        self.least
    }

    /// Whether no order of steps and no placement needs fewer bytes.
    pub fn is_exact(&self) -> bool {
        self.bytes == self.least
    }

    /// Whether no order of steps has a lower peak.
    pub fn has_best_order(&self) -> bool {
        self.peak == self.least
    }

    /// The maps in the order in which steps write them: the image first, the class scores last.
    pub fn maps(&self) -> &[Map] {
        &self.maps
    }

    /// The first step at which most bytes are alive, by its number in [`Arena::maps`].
    pub fn peak_step(&self) -> usize {
        let most = self.maps.iter().position(|map| map.alive == self.peak);
        most.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
