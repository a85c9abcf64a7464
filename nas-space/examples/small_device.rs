//! What sampled networks need on a microcontroller, and those of them that fit.
//!
//! ```sh
//! cargo run --release -p nas-space --example small_device -- darts 200
//! ```
//!
//! The first argument is a space, the second how many of its architectures are drawn.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use nas_space::device::{Arena, ArenaConfig, DeviceSizes, Flash, Number};
use nas_space::limits::{LimitedSpace, Limits};
use nas_space::sizes::Counted;
use nas_space::{NetworkConfig, Seed, Space, spaces};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "nb201".to_owned());
    let count: u64 = arguments.next().map_or(Ok(50), |count| count.parse())?;
    let space = spaces::by_name(&name)?;
    let config = NetworkConfig {
        cells: if name == "nb201" { 5 } else { 8 },
        ..NetworkConfig::default()
    };
    let (mut exact, mut best, mut without_gaps) = (0, 0, 0);
    let (mut memory, mut flash) = (Vec::new(), Vec::new());
    for seed in 0..count {
        let architecture = space.sample(&mut Seed::new(seed).rng());
        let network = space.network(&architecture, &config)?;
        let arena = Arena::of(&network, ArenaConfig::new(Number::Int8));
        exact += u64::from(arena.is_exact());
        best += u64::from(arena.has_best_order());
        without_gaps += u64::from(arena.bytes() == arena.peak());
        memory.push(arena.bytes());
        flash.push(Flash::of(&network, Number::Int8).bytes());
    }
    memory.sort_unstable();
    flash.sort_unstable();
    let middle = memory.len() / 2;
    println!("{count} networks of {name}: {exact} with the least memory there can be,");
    println!("{best} in the best order of steps, {without_gaps} without gaps between maps");
    let (Some(median), Some(of_flash)) = (memory.get(middle), flash.get(middle)) else {
        return Ok(());
    };
    println!("median {median} bytes of memory, {of_flash} bytes of flash");
    // Only networks in the lower half are drawn from now on.
    let counted = Counted::new(Arc::clone(&space), config)?;
    let sizes = Arc::new(DeviceSizes::new(Arc::new(counted.clone()), counted, ["memory"]));
    let limits = Limits {
        max: [("memory".to_owned(), *median as f64)].into(),
        ..Limits::default()
    };
    let small = LimitedSpace::new(space, sizes, limits)?;
    let architecture = small.sample(&mut Seed::new(0).rng());
    println!(
        "one that fits into {median} bytes: {}",
        small.genotype(&architecture)?
    );
    Ok(())
}
