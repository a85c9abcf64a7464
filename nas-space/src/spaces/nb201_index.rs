//! The numbers of NAS-Bench-201's architectures.
//!
//! The benchmark numbers its 15,625 cells from 0, and its interface and many files made from it
//! know a cell by that number only. The numbers are those of the cells in lexicographic order (the
//! last edge changing fastest, operations as in [`NB201_OPERATIONS`](super::NB201_OPERATIONS)),
//! shuffled by Python's `random.shuffle` after `random.seed(88)`. This module does the same, with
//! the Mersenne Twister MT19937, seeded from an array of one word as in Python, and the shuffle of
//! Fisher and Yates from the end. It draws a position from the leading bits of a word, as many as
//! needed, and draws again if the position is too large.
//!
//! # References
//! X. Dong, Y. Yang: NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search,
//! ICLR 2020, arXiv 2001.00326. M. Matsumoto, T. Nishimura: Mersenne Twister: A 623-dimensionally
//! equidistributed uniform pseudo-random number generator, ACM TOMACS 8(1), 1998.

use std::sync::OnceLock;

use super::{NB201_EDGES, NB201_OPERATIONS};
use crate::arch::Architecture;

/// Number of cells.
const CELLS: u32 = (NB201_OPERATIONS.len() as u32).pow(NB201_EDGES.len() as u32);
/// What the benchmark's authors seeded the shuffle with.
const SEED: u32 = 88;

/// The cell of this number in NAS-Bench-201, as an architecture of the space
/// [`nb201`](super::nb201); none from 15,625 on.
pub fn nb201_by_index(index: usize) -> Option<Architecture> {
    static ORDER: OnceLock<Vec<u16>> = OnceLock::new();
    let number = *ORDER.get_or_init(order).get(index)?;
    let base = NB201_OPERATIONS.len() as u32;
    let digit = |edge: usize| u32::from(number) / base.pow((NB201_EDGES.len() - 1 - edge) as u32) % base;
    Some(Architecture::new(
        (0..NB201_EDGES.len())
            .map(|edge| digit(edge) as usize)
            .collect::<Vec<_>>(),
    ))
}

/// For each index the number of its cell in lexicographic order.
fn order() -> Vec<u16> {
    // There are fewer than 2¹⁶ cells.
    let mut order: Vec<u16> = (0..CELLS).map(|number| number as u16).collect();
    let mut twister = Twister::new(SEED);
    for last in (1..order.len()).rev() {
        order.swap(last, twister.below(last as u32 + 1) as usize);
    }
    order
}

/// Words of the twister's state.
const WORDS: usize = 624;
/// How far on the word is that each word is mixed with.
const AHEAD: usize = 397;

/// MT19937.
struct Twister {
    state: [u32; WORDS],
    /// The word to be given next.
    next: usize,
}

impl Twister {
    /// Seeded from an array of one word (`init_by_array` of the authors' programs).
    fn new(seed: u32) -> Self {
        let mut state = [0_u32; WORDS];
        state[0] = 19_650_218;
        for at in 1..WORDS {
            let before = state[at - 1];
            state[at] = (before ^ (before >> 30))
                .wrapping_mul(1_812_433_253)
                .wrapping_add(at as u32);
        }
        let mut at = 1;
        let mut advance = |state: &mut [u32; WORDS], factor: u32, plus: &dyn Fn(usize) -> u32| {
            let before = state[at - 1];
            state[at] = (state[at] ^ (before ^ (before >> 30)).wrapping_mul(factor)).wrapping_add(plus(at));
            at += 1;
            if at == WORDS {
                state[0] = state[WORDS - 1];
                at = 1;
            }
        };
        for _ in 0..WORDS {
            advance(&mut state, 1_664_525, &|_| seed);
        }
        for _ in 1..WORDS {
            advance(&mut state, 1_566_083_941, &|at| (at as u32).wrapping_neg());
        }
        state[0] = 1 << 31;
        Self { state, next: WORDS }
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            for at in 0..WORDS {
                let both = (self.state[at] & (1 << 31)) | (self.state[(at + 1) % WORDS] & !(1 << 31));
                let odd = if both % 2 == 1 { 0x9908_b0df } else { 0 };
                self.state[at] = self.state[(at + AHEAD) % WORDS] ^ (both >> 1) ^ odd;
            }
            self.next = 0;
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// A number below `bound`, which is at least 1.
    fn below(&mut self, bound: u32) -> u32 {
        let bits = u32::BITS - bound.leading_zeros();
        loop {
            let number = self.word() >> (u32::BITS - bits);
            if number < bound {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::spaces::{Space, nb201};

    #[test]
    fn the_cells_are_those_that_the_authors_check_their_numbers_by() {
        let space = nb201();
        for (index, text) in [
            (
                0,
                "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
            ),
            (
                9,
                "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
            ),
            (
                123,
                "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
            ),
        ] {
            let architecture = nb201_by_index(index).unwrap();
            assert_eq!(space.genotype(&architecture).unwrap().to_string(), text);
        }
    }

    #[test]
    fn every_cell_has_one_number() {
        let cells: BTreeSet<Architecture> = (0..15_625).filter_map(nb201_by_index).collect();
        assert_eq!(cells.len(), 15_625);
        assert_eq!(nb201_by_index(15_625), None);
    }

    /// `random.seed(88); [random.getrandbits(32) for _ in range(3)]` of Python 3.
    #[test]
    fn the_words_are_pythons() {
        let mut twister = Twister::new(88);
        assert_eq!(
            [0; 3].map(|_| twister.word()),
            [1_707_201_716, 4_182_107_318, 813_946_014]
        );
    }
}
