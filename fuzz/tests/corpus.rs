//! Every parser stands its corpus and a few mutations of it. The program of this crate gives it as many as one likes.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use nas_fuzz::{Campaign, Effort, targets};
use nas_space::seed::Seed;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process: one target at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn stands(name: &str, inputs: u64) -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, make) = targets::ALL
        .iter()
        .find(|(known, _)| *known == name)
        .context("no target")?;
    let report = Campaign::new(&make()?, Seed::new(1))?.run(Effort::Inputs(inputs))?;
    ensure!(report.inputs >= inputs && report.answers > 1, "{report:?}");
    Ok(())
}

/// What is given to any input, however short, is little.
#[test]
fn no_parser_is_due_more_than_64_mib_for_nothing() -> Result<()> {
    for (name, make) in targets::ALL {
        let target = make()?;
        let base = target.read.base.max(target.using.base);
        ensure!(base <= 64 << 20, "{name}: {base} bytes");
    }
    Ok(())
}

macro_rules! targets {
    ($($(#[$when:meta])? $test:ident: $name:literal, $inputs:literal;)*) => {
        $($(#[$when])?
        #[test]
        fn $test() -> Result<()> {
            stands($name, $inputs)
        })*

        #[test]
        fn every_target_has_a_test() {
            let tested = [$($(#[$when])? $name),*];
            assert!(targets::ALL.iter().map(|(name, _)| *name).eq(tested));
        }
    };
}

targets! {
    genotypes_stand_anything: "genotype", 1000;
    motifs_stand_anything: "motif", 1000;
    shapes_stand_anything: "shape", 1000;
    descriptions_of_spaces_stand_anything: "space", 500;
    idx_files_stand_anything: "idx", 300;
    cifar_files_stand_anything: "cifar", 300;
    images_stand_anything: "image", 1500;
    arrays_of_images_stand_anything: "npz", 500;
    lists_of_images_stand_anything: "image-list", 60;
    #[cfg(feature = "parquet")]
    parquet_files_stand_anything: "parquet", 300;
    tables_stand_anything: "table", 500;
    accuracies_of_nas_bench_201_stand_anything: "nb201-csv", 100;
    comma_separated_text_stands_anything: "csv", 500;
    records_of_nats_bench_stand_anything: "nats", 500;
    records_of_nas_bench_101_stand_anything: "nb101", 500;
    records_of_nas_bench_macro_stand_anything: "macro", 500;
    journals_of_tables_stand_anything: "table-journal", 200;
    files_of_tensors_stand_anything: "tensors", 300;
    trained_networks_stand_anything: "trained", 300;
    positions_of_trainings_stand_anything: "position", 300;
    configurations_of_studies_stand_anything: "study-config", 1000;
    the_best_of_a_study_stands_anything: "best", 500;
    journals_of_comparisons_stand_anything: "runs", 200;
    records_of_studies_stand_anything: "store", 200;
    lines_of_the_protocol_stand_anything: "protocol", 1000;
}
