use nas_space::limits::Limits;
use nas_space::seed::Seed;
use nas_space::spaces::nb201;

use super::*;

/// A search on the built-in accuracies of NAS-Bench-201 with these costs.
fn config(costs: CostsPlan) -> RunConfig {
    let mut config: RunConfig = toml::from_str(
        "method = { name = 'random' }\n\
         seed = 0\n\
         batch = 1\n\
         budget = { trials = 3 }\n\
         space = { kind = 'nb201' }\n\
         estimation = { kind = 'table', benchmark = 'nb201', data = 'cifar10' }\n",
    )
    .unwrap();
    config.costs = Some(costs);
    config
}

fn files(folder: &Path, texts: &[&str]) -> CostsPlan {
    let mut plan = CostsPlan::default();
    for (number, text) in texts.iter().enumerate() {
        let path = folder.join(format!("{number}.csv"));
        std::fs::write(&path, text).unwrap();
        plan.files.push(path);
    }
    plan
}

/// A file with a cost of every cell: twice its number, below the given name.
fn whole(name: &str) -> String {
    let rows = (0..15_625).map(|number| format!("{number},{}\n", 2 * number));
    format!("index,{name}\n{}", rows.collect::<String>())
}

#[test]
fn given_costs_are_figures_by_the_names_of_their_columns() {
    let folder = tempfile::tempdir().unwrap();
    let some = "arch,energy\n|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|,2.5\n";
    let config = config(files(folder.path(), &[&whole("phone"), some]));
    let sizes = config.sizes().unwrap();
    // What is known of every architecture can be limited, the rest is on record where it is known.
    assert_eq!(sizes.known(), ["params", "macs", "published_params", "phone"]);
    let refused = sizes.check(&Quantity::named("energy")).unwrap_err().to_string();
    assert!(
        refused.contains("for 1 of 15625 architectures") && refused.contains("phone"),
        "{refused}"
    );
    let space = nb201();
    let named = space
        .architecture(
            &"|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"
                .parse()
                .unwrap(),
        )
        .unwrap();
    let figures = sizes.of(&named).unwrap();
    let number = (0..15_625)
        .find(|&number| nas_space::spaces::nb201_by_index(number).as_ref() == Some(&named))
        .unwrap();
    assert_eq!(figures.named["phone"], 2.0 * number as f64);
    assert_eq!(figures.named["energy"], 2.5);
    let other = sizes.of(&space.sample(&mut Seed::new(1).rng())).unwrap();
    assert!(other.named.contains_key("phone") && !other.named.contains_key("energy"));
}

#[test]
fn limits_hold_for_given_costs() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(files(folder.path(), &[&whole("phone")]));
    let mut limits = Limits::default();
    limits.max.insert("phone".to_owned(), 1000.0);
    config.limits = Some(limits);
    config.validate().unwrap();
    let searched = config.searched(&config.space.build().unwrap()).unwrap();
    let sizes = config.sizes().unwrap();
    let mut rng = Seed::new(0).rng();
    for _ in 0..50 {
        let figures = sizes.of(&searched.sample(&mut rng)).unwrap();
        assert!(figures.named["phone"] <= 1000.0);
    }
    config
        .limits
        .as_mut()
        .unwrap()
        .max
        .insert("watch".to_owned(), 1.0);
    let refused = format!("{:#}", config.validate().unwrap_err());
    assert!(
        refused.contains("'watch'") && refused.contains("phone"),
        "{refused}"
    );
}

#[test]
fn files_that_are_no_costs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cell = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
    for (texts, reason) in [
        (vec!["cell,ms\n1,2\n".to_owned()], "has no column arch"),
        (vec!["index\n1\n".to_owned()], "has no costs"),
        (vec!["index,params\n1,2\n".to_owned()], "a column 'params'"),
        (
            vec!["index,ms\n15625,2\n".to_owned()],
            "line 2: '15625' is no number from 0 to 15624",
        ),
        (
            vec!["index,ms\n1,fast\n".to_owned()],
            "line 2: 'fast' is no number",
        ),
        (
            vec!["index,ms\n1,inf\n".to_owned()],
            "line 2: ms is inf; expected a finite number",
        ),
        (vec!["index,ms\n1,2\n1,3\n".to_owned()], "has more than one ms"),
        (
            vec![
                "index,ms\n1,2\n".to_owned(),
                format!("arch,ms\n{cell},2\nnothing,1\n"),
            ],
            "line 3: column arch",
        ),
    ] {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let refused = format!("{:#}", config(files(folder.path(), &texts)).sizes().unwrap_err());
        assert!(refused.contains(reason), "{refused}");
    }
    // The same name in two files would be two costs of one cell.
    let twice = config(files(folder.path(), &["index,ms\n1,2\n", "index,ms\n1,2\n"]));
    assert!(
        twice
            .sizes()
            .unwrap_err()
            .to_string()
            .contains("more than one ms")
    );
}

#[test]
fn latencies_in_a_run_directory_are_the_same_ones_again() {
    let folder = tempfile::tempdir().unwrap();
    let measured = || {
        config(CostsPlan {
            latency: true,
            ..CostsPlan::default()
        })
    };
    let any = nb201().sample(&mut Seed::new(2).rng());
    let of = |config: &RunConfig| config.sizes().unwrap().of(&any).unwrap().named["latency"];
    let first = measured();
    let before = of(&first);
    assert!(before > 0.0);
    first.keep_latencies_in(folder.path()).unwrap();
    let second = measured();
    second.keep_latencies_in(folder.path()).unwrap();
    assert_eq!(of(&second), before);
    assert_eq!(first, second);
}
