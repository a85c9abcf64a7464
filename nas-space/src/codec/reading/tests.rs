//! Forms in which architectures are found.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::arch::Architecture;
use crate::codec::{format_darts, parse_darts, parse_nb201};
use crate::genotype::DartsGenotype;
use crate::seed::Seed;
use crate::spaces::darts;

/// The genotype that a text holds, and nothing is said of.
fn plain(text: &str) -> Genotype {
    let reading = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(reading.note, None, "{text}");
    reading.genotype
}

fn refused(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

const DARTS: &str = "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], \
                     reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])";

#[test]
fn every_form_of_a_darts_cell_is_read() {
    let expected = Genotype::Darts(parse_darts(DARTS).unwrap());
    let texts = [
        "Genotype(normal=[[('sep_conv_3x3', 0), ('skip_connect', 1)]], normal_concat=[2], reduce=[[('max_pool_3x3', 0), ('max_pool_3x3', 1)]], reduce_concat=[2])",
        "Genotype(normal=[(('sep_conv_3x3', 0, 0.31), ('skip_connect', 1, tensor(0.22)))], normal_concat=[2], reduce=((('max_pool_3x3', 0, 4e-1), ('max_pool_3x3', 1, None)),), reduce_concat=(2,))",
        "Genotype(normal=[('sep_conv_3x3', np.int64(0)), ('skip_connect', numpy.int32(1))], normal_concat=np.array([2], dtype=int64), reduce=[('max_pool_3x3', torch.tensor(0, device='cuda:0')), ('max_pool_3x3', 1)], reduce_concat=list(range(2, 3)))",
        "CELL = Genotype(\n    normal=[('sep_conv_3x3', 0), ('skip_connect', 1)],  # found on day one\n    normal_concat=[2],\n    # the second\n    reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)],\n    reduce_concat=list(range(2, 3)),\n)\n",
        "\u{feff}genotypes.Genotype([(\"sep_conv_3x3\", 0), (\"skip_connect\", 1)], range(2,3), [['max_pool_3x3', 0], ['max_pool_3x3', 1]], tuple(range(2, 3)))\r\n",
        "2026-01-01 00:00:00 genotype = Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2]), valid 97.1",
        "genotype: {'normal': [('sep_conv_3x3', 0), ('skip_connect', 1)], 'normal_concat': [2], 'reduce': [('max_pool_3x3', 0), ('max_pool_3x3', 1)], 'reduce_concat': [2]}",
        "11:22 found {'normal': [('sep_conv_3x3', 0), ('skip_connect', 1)], 'normal_concat': [2], 'reduce': [('max_pool_3x3', 0), ('max_pool_3x3', 1)], 'reduce_concat': [2]} at last",
        "OrderedDict([('normal', [('sep_conv_3x3', 0), ('skip_connect', 1)]), ('normal_concat', [2]), ('reduce', [('max_pool_3x3', 0), ('max_pool_3x3', 1)]), ('reduce_concat', [2])])",
        "dict(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])",
        r#"{"source": "the authors' code", "normal": [["sep_conv_3x3", 0], ["skip_connect", 1]], "normal_concat": [2], "reduce": [["max_pool_3x3", 0], ["max_pool_3x3", 1]], "reduce_concat": [2]}"#,
        r#"{"msg": "Genotype(normal=[(\'sep_conv_3x3\', 0), (\'skip_connect\', 1)], normal_concat=[2], reduce=[(\'max_pool_3x3\', 0), (\'max_pool_3x3\', 1)], reduce_concat=[2])", "step": 3}"#,
        r#"{\"normal\": [[\"sep_conv_3x3\", 0], [\"skip_connect\", 1]], \"normal_concat\": [2], \"reduce\": [[\"max_pool_3x3\", 0], [\"max_pool_3x3\", 1]], \"reduce_concat\": [2]}"#,
        "Genotype(normal=[(0, 'sep_conv_3x3'), (1, 'skip_connect')], normal_concat=[2], \\\n reduce=[(0, 'max_pool_3x3'), (1, 'max_pool_3x3')], reduce_concat=[2]);",
        "\"Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])\"",
        "{'val_acc': 97.1, 'genotype': Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])}",
    ];
    for text in texts {
        assert_eq!(plain(text), expected, "{text}");
    }
    let one = plain(
        "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], reduce=None, reduce_concat=None)",
    );
    let Genotype::Darts(one) = one else {
        panic!("{one:?}")
    };
    assert_eq!((one.normal.len(), one.reduction), (1, None));
}

#[test]
fn every_form_of_a_cell_of_nas_bench_201_is_read() {
    let text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|";
    let expected = Genotype::Nb201(parse_nb201(text).unwrap());
    for text in [
        text,
        " |nor_conv_3x3~0| + |none~0| skip_connect~1 |\n",
        "nor_conv_3x3~0|+|none~0|skip_connect~1",
        "nor_conv_3x3~0+none~0|skip_connect~1",
        "Structure(3 nodes with |nor_conv_3x3~0|+|none~0|skip_connect~1|)",
        "CellStructure(3 nodes with |nor_conv_3x3~0|+|none~0|skip_connect~1|)",
        "arch_str: '|nor_conv_3x3~0|+|none~0|skip_connect~1|', 91.2",
        "[(('nor_conv_3x3', 0),), (('none', 0), ('skip_connect', 1))]",
        "Structure([[('nor_conv_3x3', 0)], [('skip_connect', 1), ('none', 0)]])",
        "[(('nor_conv_3x3', 0)), (('none', 0, 0.4), ('skip_connect', np.int64(1), 0.1))]",
        r#"{"arch_str": "|nor_conv_3x3~0|+|none~0|skip_connect~1|", "acc": 91.2}"#,
        "'|nor_conv_3x3~0|+|none~0|skip_connect~1|'",
    ] {
        assert_eq!(plain(text), expected, "{text}");
    }
    assert_eq!(plain("nor_conv_3x3~0").to_string(), "|nor_conv_3x3~0|");
}

/// The operations by number, and the edges by source: NASLib's NAS-Bench-201.
#[test]
fn compact_forms_of_naslib_are_read_where_it_is_said_whose_they_are() {
    let expected = "|avg_pool_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_1x1~0|avg_pool_3x3~1|none~2|";
    for text in [
        "naslib:(4, 0, 3, 3, 4, 1)",
        "naslib: [4,0,3,3,4,1]",
        "naslib:403341",
        "naslib:4, 0, 3, 3, 4, 1",
    ] {
        assert_eq!(plain(text).to_string(), expected, "{text}");
    }
    let text = "((0,3),(1,2)),((0,0),(1,6))";
    let cells = read(&format!("[{text}]")).unwrap();
    assert!(cells.note.is_some_and(|note| note.contains("NASLib")));
    assert_eq!(cells.genotype, plain(&format!("naslib:[{text}]")));
    assert_eq!(
        cells.genotype.to_string(),
        "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2], \
         reduce=[('max_pool_3x3', 0), ('dil_conv_5x5', 1)], reduce_concat=[2])"
    );
    let first =
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|";
    assert_eq!(plain("index:0").to_string(), first);
    for (text, expected) in [
        ("(4, 0, 3, 3, 4, 1)", "write naslib:"),
        ("[1]", "write naslib:"),
        ("1234", "write index:1234"),
        ("index:15625", "expected 0 to 15624"),
        ("index:x", "expected 0 to 15624"),
        ("naslib:(4, 0, 3)", "expected six operations"),
        ("naslib:(4, 0, 3, 3, 4, 5)", "the number of an operation, 0 to 4"),
        (
            "naslib:[[(0, 7), (1, 0)], [(0, 1), (1, 1)]]",
            "the number of an operation, 0 to 6",
        ),
        ("naslib:[[(0, 6)], [(0, 1), (1, 1)]]", "an even number of edges"),
        (
            "[(('a', 0),), (('b', 0),)]",
            "one edge from each of the states 0 to 1",
        ),
    ] {
        assert!(refused(text).contains(expected), "{text}: {}", refused(text));
    }
}

#[test]
fn of_several_the_last_that_is_complete_is_taken_and_said_to_be() {
    let other = DARTS.replace("skip_connect", "none");
    let log = format!("a {DARTS}\nb\nc {other} d\n");
    let last = read(&log).unwrap();
    assert_eq!(last.genotype.to_string(), other);
    assert_eq!(
        last.note.as_deref(),
        Some("it holds 2 architectures; the last one, on line 3, is taken")
    );
    let killed = &log[..log.len() - 40];
    let last = read(killed).unwrap();
    assert_eq!(last.genotype.to_string(), DARTS);
    assert!(
        last.note
            .unwrap()
            .contains("the last one that is complete, on line 1")
    );
    let module = format!("# OLD = {other}\nNEW = {DARTS}\n");
    assert_eq!(plain(&module).to_string(), DARTS);
    assert_eq!(plain(&format!("# {other}")).to_string(), other);
    let wrong = log.replace("('none', 1)", "('none', 7)");
    assert!(
        refused(&wrong).contains("comes from state 7"),
        "{}",
        refused(&wrong)
    );
    assert!(
        log.parse::<Genotype>()
            .unwrap_err()
            .to_string()
            .contains("there are 2; expected one")
    );
    let strings = read("|none~0|\n|skip_connect~0|\n").unwrap();
    assert_eq!(strings.genotype.to_string(), "|skip_connect~0|");
}

#[test]
fn what_is_not_read_is_quoted_by_a_line_at_most_and_told_the_forms() {
    let log: String = (0..1000).fold(String::new(), |mut log, step| {
        let _ = writeln!(log, "2026-01-01 00:00:00 step {step} loss 1.5");
        log
    });
    let longest = "x".repeat(100_000);
    for text in [
        log.as_str(),
        &longest,
        "step 1 loss 2",
        &format!("|{longest}~0|+"),
        &format!("({longest}"),
    ] {
        let error = refused(text);
        assert!(error.len() < 600 && !error.contains('\n'), "{error}");
        assert!(!error.contains(&"x".repeat(201)), "{error}");
    }
    assert!(refused(&log).contains("expected a name that 'nas list' shows"));
    assert!(refused("").contains("there is no text; expected"));
    assert!(
        refused("Genotype(recurrent=[('tanh', 0)], concat=range(1, 9))").contains("a convolutional cell")
    );
    assert!(refused(&"(".repeat(100_000)).len() < 600);
    assert!(refused(&format!("Genotype({}", "[".repeat(1000))).contains("brackets within each other"));
}

/// A cell of DARTS in any mixture of forms.
fn written(genotype: &DartsGenotype, rng: &mut impl rand::Rng) -> String {
    use rand::RngExt;
    let pick = |rng: &mut dyn FnMut(usize) -> usize, texts: &[String]| texts[rng(texts.len())].clone();
    let mut below = |count: usize| rng.random_range(0..count);
    let quote = ["'", "\""][below(2)];
    let space = ["", " ", "\n  ", "  # a comment\n"][below(4)];
    let (open, close) = [("[", "]"), ("(", ")")][below(2)];
    let (grouped, weighted, style, trailing) = (below(2) == 1, below(2) == 1, below(5), below(2) == 1);
    let mut cells = Vec::new();
    for cell in [Some(&genotype.normal), genotype.reduction.as_ref()]
        .into_iter()
        .flatten()
    {
        let mut groups = Vec::new();
        for node in cell.nodes() {
            let mut edges = Vec::new();
            for (op, from) in &node.edges {
                let forms = [
                    from.to_string(),
                    format!("np.int64({from})"),
                    format!("tensor({from})"),
                    format!("int({from})"),
                ];
                let from = pick(&mut below, &forms);
                let weight = if weighted {
                    format!(",{space} 0.25")
                } else {
                    String::new()
                };
                edges.push(format!("{open}{quote}{op}{quote},{space}{from}{weight}{close}"));
            }
            let edges = edges.join(&format!(",{space}"));
            groups.push(if grouped {
                format!("{open}{edges}{close}")
            } else {
                edges
            });
        }
        let comma = if trailing { "," } else { "" };
        let groups = groups.join(", ");
        let last = cell.output().last().copied().unwrap_or(0) + 1;
        let first = cell.output()[0];
        let output: Vec<String> = cell.output().iter().map(ToString::to_string).collect();
        let forms = [
            format!("[{}]", output.join(",")),
            format!("({},)", output.join(", ")),
            format!("range({first},{last})"),
            format!("list(range({first}, {last}))"),
            format!("array([{}])", output.join(", ")),
        ];
        cells.push((format!("[{groups}{comma}]"), pick(&mut below, &forms)));
    }
    let (normal, reduce) = (&cells[0], &cells[1]);
    match style {
        0 => format!("Genotype({}, {}, {}, {})", normal.0, normal.1, reduce.0, reduce.1),
        1 => format!(
            "x.Genotype(reduce_concat={},{space}normal={},reduce={},normal_concat={})",
            reduce.1, normal.0, reduce.0, normal.1
        ),
        2 => format!(
            "{{{quote}normal{quote}: {}, {quote}normal_concat{quote}: {}, {quote}reduce{quote}: {}, {quote}reduce_concat{quote}: {}}}",
            normal.0, normal.1, reduce.0, reduce.1
        ),
        3 => format!(
            "OrderedDict([({quote}normal{quote}, {}), ({quote}normal_concat{quote}, {}), ({quote}reduce{quote}, {}), ({quote}reduce_concat{quote}, {})])",
            normal.0, normal.1, reduce.0, reduce.1
        ),
        _ => format!(
            "BEST = Genotype(normal={}, normal_concat={}, reduce={}, reduce_concat={})",
            normal.0, normal.1, reduce.0, reduce.1
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mixture_of_forms_is_read_back_as_the_same(seed in any::<u64>()) {
        let mut rng = Seed::new(seed).rng();
        let space = darts();
        let genotype = space.genotype(&space.sample(&mut rng)).unwrap();
        let Genotype::Darts(cells) = &genotype else { panic!("{genotype:?}") };
        prop_assert!(format_darts(cells).is_some());
        let text = written(cells, &mut rng);
        prop_assert_eq!(&read(&text).unwrap().genotype, &genotype, "{}", text);
        let escaped = text.replace('\'', "\\'").replace('"', "\\\"").replace('\n', " ");
        if !escaped.contains('#') && !escaped.starts_with("BEST") && text.contains("Genotype") {
            let log = format!("12:00 {escaped} valid 0.9");
            prop_assert_eq!(&read(&log).unwrap().genotype, &genotype, "{}", log);
        }

        let space = nb201();
        let architecture = space.sample(&mut rng);
        let genotype = space.genotype(&architecture).unwrap();
        let c = architecture.choices();
        let text = genotype.to_string();
        let bare = text.trim_matches('|').to_owned();
        let spaced = text.replace('+', " + ");
        let number = |op: usize| ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
            .map(|name| match name { "skip_connect" => 0, "none" => 1, "nor_conv_3x3" => 2, "nor_conv_1x1" => 3, _ => 4 })[op];
        // Ours are ordered by target: 0>1, 0>2, 1>2, 0>3, 1>3, 2>3.
        let naslib: Vec<String> = [0, 1, 3, 2, 4, 5].iter().map(|&edge| number(c[edge]).to_string()).collect();
        let naslib = format!("naslib:({})", naslib.join(", "));
        for form in [&text, &bare, &spaced, &naslib, &format!("Structure(4 nodes with {text})"), &format!("x={text}, y")] {
            prop_assert_eq!(&read(form).unwrap().genotype, &genotype, "{}", form);
        }
    }

    #[test]
    fn indices_are_those_of_the_benchmark(index in 0_usize..15_625) {
        let genotype = read(&format!("index:{index}")).unwrap().genotype;
        let expected: Architecture = nb201_by_index(index).unwrap();
        prop_assert_eq!(nb201().architecture(&genotype).unwrap(), expected);
    }
}
