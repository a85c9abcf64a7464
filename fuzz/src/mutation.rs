//! Mutations of inputs.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

/// Numbers at which parsers go wrong, as text.
const NUMBERS: [&str; 26] = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "20",
    "21",
    "255",
    "256",
    "1000",
    "1001",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "0.1",
    "1e308",
    "1e400",
    "-0.0",
];
/// The same in binary.
const WORDS: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];
/// What opens a level of nesting in the text formats.
const OPENINGS: [&str; 5] = ["[", "{\"a\":", "(", "[[", "a."];

/// Makes new inputs of old ones.
#[derive(Debug)]
pub(crate) struct Mutator {
    words: &'static [&'static str],
    longest: usize,
}

impl Mutator {
    pub(crate) fn new(words: &'static [&'static str], longest: usize) -> Self {
        Self { words, longest }
    }

    /// Changes an input in one or a few places, perhaps with parts of another one.
    pub(crate) fn mutate(&self, input: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha8Rng) {
        let changes = 1 << rng.random_range(0..4_u32);
        for _ in 0..rng.random_range(1..=changes) {
            self.change(input, other, rng);
            input.truncate(self.longest);
        }
    }

    fn change(&self, input: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha8Rng) {
        match rng.random_range(0..16) {
            0 => flip(input, rng),
            1 => overwrite(input, rng),
            2 => {
                let to = rng.random_range(0..=input.len());
                input.truncate(to);
            }
            3 => {
                let range = part(input.len(), rng);
                input.drain(range);
            }
            4 => repeat(input, rng),
            5 => {
                let cut = rng.random_range(0..=input.len());
                input.truncate(cut);
                input.extend(&other[rng.random_range(0..=other.len())..]);
            }
            6 => {
                let bytes = other[part(other.len(), rng)].to_vec();
                insert(input, &bytes, rng);
            }
            7 | 8 => replace_number(input, rng),
            9 => replace_word(input, rng),
            10 if !self.words.is_empty() => insert(input, self.word(rng), rng),
            11 | 12 if !self.words.is_empty() => self.put_word(input, rng),
            13 => exchange(input, rng),
            14 if rng.random_range(0..8) == 0 => {
                let opening = OPENINGS[rng.random_range(0..OPENINGS.len())];
                let times = 1 << rng.random_range(4..15);
                insert(input, opening.repeat(times).as_bytes(), rng);
            }
            14 => {
                let mut bytes = vec![0; rng.random_range(1..9)];
                rng.fill_bytes(&mut bytes);
                insert(input, &bytes, rng);
            }
            _ => repeat_line(input, rng),
        }
    }

    fn word(&self, rng: &mut ChaCha8Rng) -> &'static [u8] {
        self.words[rng.random_range(0..self.words.len())].as_bytes()
    }

    /// Puts a word of the format in the place of one that is there.
    fn put_word(&self, input: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
        let place = run(input, rng, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        input.splice(place, self.word(rng).iter().copied());
    }
}

fn flip(input: &mut [u8], rng: &mut ChaCha8Rng) {
    if !input.is_empty() {
        let place = rng.random_range(0..input.len());
        input[place] ^= 1 << rng.random_range(0..8);
    }
}

fn overwrite(input: &mut [u8], rng: &mut ChaCha8Rng) {
    if !input.is_empty() {
        let place = rng.random_range(0..input.len());
        input[place] = match rng.random_range(0..4) {
            0 => b" \n\t\",:{}[]()|~+-./'=#"[rng.random_range(0..21)],
            1 => [0, 0xff, 0x7f, 0x80][rng.random_range(0..4)],
            _ => rng.random(),
        };
    }
}

/// A part of so many bytes, more often a short one.
fn part(length: usize, rng: &mut ChaCha8Rng) -> std::ops::Range<usize> {
    let from = rng.random_range(0..=length);
    let most = (1 << rng.random_range(0..14)).min(length - from);
    from..from + rng.random_range(0..=most)
}

fn insert(input: &mut Vec<u8>, bytes: &[u8], rng: &mut ChaCha8Rng) {
    let place = rng.random_range(0..=input.len());
    input.splice(place..place, bytes.iter().copied());
}

fn repeat(input: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let range = part(input.len(), rng);
    let times = 1 << rng.random_range(0..10);
    let bytes = input[range.clone()].repeat(times.min(1 + (1 << 16) / range.len().max(1)));
    input.splice(range.end..range.end, bytes);
}

/// A run of bytes that `belongs` takes, sought from a random place on; empty where there is none.
fn run(input: &[u8], rng: &mut ChaCha8Rng, belongs: impl Fn(u8) -> bool) -> std::ops::Range<usize> {
    let from = rng.random_range(0..=input.len());
    let begin = (from..input.len())
        .find(|&place| belongs(input[place]))
        .unwrap_or(from);
    // Where it begins in the middle of a run, that is the end of a number or word, which is as good.
    let begin = (0..begin)
        .rev()
        .take_while(|&place| belongs(input[place]))
        .last()
        .unwrap_or(begin);
    let end = (begin..input.len())
        .find(|&place| !belongs(input[place]))
        .unwrap_or(input.len());
    begin..end
}

fn replace_number(input: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let place = run(input, rng, |byte| byte.is_ascii_digit());
    let old: Option<u64> = std::str::from_utf8(&input[place.clone()])
        .ok()
        .and_then(|text| text.parse().ok());
    let new = match (rng.random_range(0..3), old) {
        (0, Some(old)) if rng.random() => old.wrapping_add(1).to_string(),
        (0, Some(old)) => old.wrapping_sub(1).to_string(),
        _ => NUMBERS[rng.random_range(0..NUMBERS.len())].to_owned(),
    };
    input.splice(place, new.into_bytes());
}

/// Puts a number in binary in the place of another.
fn replace_word(input: &mut [u8], rng: &mut ChaCha8Rng) {
    let width = [1, 2, 4, 8][rng.random_range(0..4)];
    if input.len() < width {
        return;
    }
    // Headers are at the beginning.
    let end = if rng.random() {
        input.len()
    } else {
        input.len().min(64).max(width)
    };
    let place = rng.random_range(0..=end - width);
    let number = match rng.random_range(0..4) {
        0 => input.len() as u64,
        _ => WORDS[rng.random_range(0..WORDS.len())],
    };
    if rng.random() {
        input[place..place + width].copy_from_slice(&number.to_le_bytes()[..width]);
    } else {
        input[place..place + width].copy_from_slice(&number.to_be_bytes()[8 - width..]);
    }
}

/// Two parts change places.
fn exchange(input: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let range = part(input.len(), rng);
    let bytes: Vec<u8> = input.drain(range).collect();
    insert(input, &bytes, rng);
}

/// A line, or what stands between commas, comes once more.
fn repeat_line(input: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let between = if rng.random() { b'\n' } else { b',' };
    let line = run(input, rng, |byte| byte != between);
    let mut bytes = vec![between];
    bytes.extend(&input[line.clone()]);
    let times = 1 << rng.random_range(0..8);
    let bytes = bytes.repeat(times.min(1 + (1 << 15) / bytes.len()));
    input.splice(line.end..line.end, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use nas_space::seed::Seed;

    #[test]
    fn the_same_stream_makes_the_same_input_and_none_is_too_long() {
        let mutator = Mutator::new(&["word"], 1000);
        let make = |index| {
            let mut input = b"one 2 three\n4, five".to_vec();
            mutator.mutate(
                &mut input,
                b"other",
                &mut Seed::new(1).derive("test", index).rng(),
            );
            input
        };
        let inputs: Vec<Vec<u8>> = (0..2000).map(make).collect();
        assert!((0..2000).all(|index| make(index) == inputs[index as usize]));
        assert!(inputs.iter().all(|input| input.len() <= 1000));
        assert!(inputs.iter().collect::<std::collections::HashSet<_>>().len() > 1000);
    }

    #[test]
    fn an_empty_input_can_be_mutated() {
        let mutator = Mutator::new(&[], 10);
        for index in 0..500 {
            mutator.mutate(
                &mut Vec::new(),
                b"",
                &mut Seed::new(2).derive("test", index).rng(),
            );
        }
    }
}
