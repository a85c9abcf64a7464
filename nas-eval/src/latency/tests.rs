use nas_space::arch::Architecture;
use nas_space::network::NetworkConfig;
use nas_space::shape::Shape;
use nas_space::sizes::{Counted, Quantity, Sizes};
use nas_space::spaces::{self, Space, nb201};

use super::*;

fn small() -> NetworkConfig {
    NetworkConfig {
        image: Shape::new(3, 8, 8),
        classes: 4,
        channels: 4,
        cells: 3,
        ..NetworkConfig::default()
    }
}

fn network(choices: [usize; 6]) -> Network {
    nb201().network(&Architecture::new(choices), &small()).unwrap()
}

#[test]
fn a_latency_lies_between_the_shortest_and_the_longest_pass() {
    let network = Arc::new(network([3, 1, 2, 4, 3, 2]));
    for (latency, threads) in [
        (Latency::of(&network).unwrap(), rayon::current_num_threads()),
        (Latency::on_one_thread(&network).unwrap(), 1),
    ] {
        let [shortest, longest] = latency.range;
        assert!(shortest > 0.0 && shortest <= latency.milliseconds && latency.milliseconds <= longest);
        assert!(latency.passes >= FEWEST_PASSES && latency.threads == threads);
    }
}

#[test]
fn an_operation_is_measured_once_and_networks_are_sums() {
    let table = LatencyTable::new();
    let all = table.milliseconds(&network([3, 1, 2, 4, 3, 2])).unwrap();
    let entries = table.entries();
    assert!(all > 0.0 && entries.iter().all(|(_, milliseconds)| *milliseconds >= 0.0));
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "conv 4x8x8 -> 4x8x8 3x3 relu",
        "conv 4x8x8 -> 4x8x8 1x1 relu",
        "average pool 4x8x8 -> 4x8x8 window 9",
        "image 3x8x8",
        "pass",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    // The same again, and another one of the same operations, measures nothing.
    assert_eq!(table.milliseconds(&network([3, 1, 2, 4, 3, 2])).unwrap(), all);
    let other = table.milliseconds(&network([3, 2, 1, 4, 2, 3])).unwrap();
    assert_eq!(table.entries(), entries);
    assert!((other - all).abs() < 1e-9 * all, "{other} {all}");
    // Each 3×3 convolution more costs what one costs: there are 3 in each of 3 stages.
    let one = table.milliseconds(&network([3, 1, 2, 4, 1, 2])).unwrap();
    let convs: f64 = entries
        .iter()
        .filter(|(name, _)| name.starts_with("conv") && name.contains("3x3 relu") && !name.contains("stride"))
        .map(|(_, milliseconds)| 3.0 * milliseconds)
        .sum();
    assert!((all - one - convs).abs() < 1e-9 * all, "{all} - {one}: {convs}");
}

#[test]
fn a_table_in_a_file_gives_the_same_latencies_again() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first.csv", "second.csv"].map(|name| folder.path().join(name));
    let table = LatencyTable::new();
    let before = table.milliseconds(&network([1, 1, 1, 1, 1, 1])).unwrap();
    table.keep_in(&first).unwrap();
    let after = table.milliseconds(&network([3, 1, 2, 4, 3, 2])).unwrap();
    // A line that was torn is measured again.
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&first, format!("{text}conv 4x8")).unwrap();
    let again = LatencyTable::new();
    again.keep_in(&first).unwrap();
    assert_eq!(again.entries(), table.entries());
    assert_eq!(again.milliseconds(&network([1, 1, 1, 1, 1, 1])).unwrap(), before);
    assert_eq!(again.milliseconds(&network([3, 1, 2, 4, 3, 2])).unwrap(), after);
    // What is known takes precedence over what another file says, and is added to it.
    std::fs::write(&second, "operation,milliseconds\npass,99.0\nother,1.5\n").unwrap();
    again.keep_in(&second).unwrap();
    assert_eq!(again.milliseconds(&network([1, 1, 1, 1, 1, 1])).unwrap(), before);
    assert!(again.entries().contains(&("other".to_owned(), 1.5)));
    let text = std::fs::read_to_string(&second).unwrap();
    assert!(text.contains("conv 4x8x8 -> 4x8x8 3x3 relu,"), "{text}");
    for (text, reason) in [
        ("something\n", "line 1 is 'something'"),
        ("one line alone", "line 1 is 'one line alone'"),
        ("operation,milliseconds\nconv,fast\n", "line 2 is 'conv,fast'"),
        ("operation,milliseconds\nconv,-1\n", "line 2"),
        ("operation,milliseconds\nconv,NaN\n", "line 2"),
    ] {
        std::fs::write(&second, text).unwrap();
        let refused = LatencyTable::new().keep_in(&second).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
        assert_eq!(std::fs::read_to_string(&second).unwrap(), text);
    }
}

#[test]
fn latency_is_a_figure_like_others_in_every_space() {
    let table = Arc::new(LatencyTable::new());
    for &name in spaces::names() {
        let space: Arc<dyn Space> = spaces::by_name(name).unwrap();
        let counted: Arc<dyn Sizes> = Arc::new(Counted::new(space.clone(), small()).unwrap());
        let sizes = LatencySizes::new(counted.clone(), space.clone(), small(), table.clone());
        let architecture = space.sample(&mut Seed::new(1).rng());
        let mut figures = sizes.of(&architecture).unwrap();
        let latency = figures.named.remove(LATENCY).unwrap();
        assert!(latency > 0.0, "{name}");
        assert_eq!(figures, counted.of(&architecture).unwrap());
        assert_eq!(sizes.of(&architecture).unwrap().named[LATENCY], latency);
    }
    let space: Arc<dyn Space> = Arc::new(nb201());
    let counted: Arc<dyn Sizes> = Arc::new(Counted::new(space.clone(), small()).unwrap());
    let sizes = LatencySizes::new(counted, space, small(), table);
    assert_eq!(sizes.known(), ["params", "macs", "latency"]);
    sizes.check(&Quantity::named("latency")).unwrap();
    let refused = sizes.check(&Quantity::named("energy")).unwrap_err().to_string();
    assert!(refused.contains("params, macs, latency"), "{refused}");
}
