//! What is typed of single-path searches.

use nas_spos::{PathEvolution, PathSampling, PathSearch};

use super::*;

#[test]
fn single_paths_have_a_section_of_their_own_that_their_options_reach() {
    let words = "spos --search-epochs 9 --path-sampling fair --path-candidates 70 --path-population 20 --path-images 30 --audit 5";
    let config = resolved("", words).unwrap();
    assert_eq!(config.space, SpaceConfig::Nb201 {});
    let spos = settings!(config.clone(), Spos);
    assert_eq!(
        (spos.search.epochs, spos.search.candidates, spos.audit),
        (9, 70, 5)
    );
    assert_eq!(
        (spos.search.sampling, spos.search.candidate_images),
        (PathSampling::Fair, Some(30))
    );
    assert_eq!(
        spos.search.path_search,
        PathSearch::Evolution(PathEvolution {
            population: 20,
            parents: 4,
            crossovers: 10,
            mutants: 10,
            mutation: 0.1
        })
    );
    let written = toml::to_string(&config).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), config);
    assert_eq!(
        resolved(&written, words).unwrap(),
        config,
        "typed again, all is kept"
    );
    let random = settings!(resolved(&written, "--path-search random").unwrap(), Spos);
    assert_eq!(random.search.path_search, PathSearch::Random {});
    // What a file says of an evolution is kept where the same is typed.
    let file = "[method]\nname = 'spos'\n[method.search]\npath_search = { kind = 'evolution', population = 9, parents = 2, \
                crossovers = 3, mutants = 4, mutation = 0.5 }";
    for words in ["", "--path-search evolution", "--path-population 9"] {
        let of_file = settings!(resolved(file, words).unwrap(), Spos).search.path_search;
        let PathSearch::Evolution(evolution) = of_file else {
            panic!("{of_file:?}")
        };
        assert_eq!((evolution.crossovers, evolution.mutation), (3, 0.5), "{words}");
    }
    for (file, words, named) in [
        (
            "",
            "spos --path-search random --path-population 7",
            "--path-population",
        ),
        ("", "enas --path-sampling fair", "it is for spos"),
        ("", "spos --space chain", "no supernet"),
        (
            "[method]\nname = 'spos'\nsearch = { candidates = 0 }",
            "",
            "candidates is 0",
        ),
        ("[method]\nname = 'spos'\naudit = 100001", "", "audit is 100001"),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}
