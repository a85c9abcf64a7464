//! Configurations that together have every key of the schema.

use serde_json::Value;

use crate::RunConfig;
use crate::plan::tests::resolved;

/// What is typed after `nas search`; what the file of `--config` says; what is put over the configuration that comes out, as it is of
/// keys that the program alone writes.
type Case = (&'static str, &'static str, &'static str);

const NONE: &str = "";

/// A description of images of one's own as a run directory has it.
const OWN: &str = "[estimation]
data = '/images'
[estimation.own]
fingerprint = 'ab12'
flip = true
[estimation.own.read]
image_size = 32
glob = '*.png'
columns = ['path', 'label']
layout = 'nhwc'
cache = '/cache'
max_bad = 0.1
test_fraction = 0.2
resize = 'crop'";

const PLAIN_CELLS: &str = "[space]
kind = 'custom'
name = 'mine'
skeleton = 'nb201'
operations = ['none', 'skip_connect', 'nor_conv_3x3']
nodes = 3";

const CUSTOM: &str = "[space]
kind = 'custom'
name = 'mine'
skeleton = 'nb201'
operations = ['none', 'skip_connect', 'nor_conv_3x3']
nodes = 3
inputs = 2
output = [3]";

const FILLED: &str = "[space]
kind = 'custom'
name = 'mine'
skeleton = 'nb201'
operations = ['none', 'skip_connect', 'nor_conv_3x3']
nodes = 3
inputs = 'all'
reduction = 'shared'
filled = true
output = 'last'";

const HIERARCHICAL: &str = "[space]
kind = 'hierarchical'
levels = [{ motifs = 1, nodes = 2 }, { motifs = 1, nodes = 2 }]";

const PRODUCT: &str = "[space]
kind = 'product'
name = 'sizes'
decisions = [{ name = 'width', kind = 'width', options = ['8', '16'] }]";

const TRAINING: &str = "[estimation]
limit = 200
data_dir = '/data'
epochs = 1
[estimation.evaluator]
span = { epochs = 9 }
[estimation.evaluator.train.augmentation]
policy = 'trivial_wide'
cutout = 2
[estimation.evaluator.train.optimizer]
kind = 'adam'
[estimation.evaluator.train.schedule.curve]
kind = 'step'
epochs = 3
factor = 0.5";

const WITHOUT_NESTEROV: &str = "estimation.evaluator.train.optimizer = { kind = 'sgd', nesterov = false }";

const WITHOUT_NESTEROV_IN_SUPERNET: &str = "method.search.weights = { nesterov = false }";

const SYNC: &str = "[halving]
early_stopping_rate = 2
[halving.schedule]
kind = 'sync'
bracket = 1";

/// Every method, with every kind of table below it.
///
/// A bound is tried in the first case that has the key. So what a rule between two keys would forbid comes after a case without it.
const CASES: &[Case] = &[
    ("random", WITHOUT_NESTEROV, NONE),
    ("enas", WITHOUT_NESTEROV_IN_SUPERNET, NONE),
    ("spos", WITHOUT_NESTEROV_IN_SUPERNET, NONE),
    ("random", PLAIN_CELLS, NONE),
    ("random", CUSTOM, NONE),
    ("random --metric balanced", TRAINING, NONE),
    ("random --device cuda --tf32", NONE, NONE),
    ("random", NONE, OWN),
    (
        "random",
        "estimation.evaluator.train.schedule.curve = { kind = 'constant' }",
        NONE,
    ),
    (
        "random",
        "estimation.evaluator.train.schedule.curve = { kind = 'restarts', epochs = 1, factor = 2 }",
        NONE,
    ),
    (
        "random",
        "estimation.evaluator.train.schedule.curve = { kind = 'exponential', factor = 0.9 }",
        NONE,
    ),
    ("random --budget-epochs 40 --budget-seconds 9.5", NONE, NONE),
    ("random --max-params 100000 --max-macs 90000000", NONE, NONE),
    ("random --batch 4 --tell completion", NONE, NONE),
    ("random --max-latency 20ms", NONE, NONE),
    ("random --cost /costs.csv", NONE, NONE),
    ("random --trial-timeout 60 --trial-memory 8GiB", NONE, NONE),
    ("random --halving asha", NONE, NONE),
    ("random --halving sync", SYNC, NONE),
    ("random --halving hyperband --rungs 1,5 --epochs 9", NONE, NONE),
    ("random --proxy naswot", NONE, NONE),
    ("random --evaluator proxy:naswot", NONE, NONE),
    (
        "random --benchmark nb201 --proxy naswot --scores /scores.csv",
        NONE,
        NONE,
    ),
    (
        "random --benchmark digits --epochs 2",
        NONE,
        "estimation.metric = { name = 'loss', direction = 'lower', scale = 'plain' }",
    ),
    (
        "random --benchmark digits",
        NONE,
        "estimation.one_figure = 'valid_is_test'",
    ),
    (
        "random --evaluator true --device cpu",
        "estimation.data_dir = '/data'",
        NONE,
    ),
    ("random --space darts", NONE, NONE),
    ("random --space nb101", NONE, NONE),
    ("random --space pnas", NONE, NONE),
    ("random --space nasnet", NONE, NONE),
    ("random --space chain", NONE, NONE),
    ("random --space enas-macro", NONE, NONE),
    ("random --space mobile", NONE, NONE),
    ("random --max-memory 256KiB --max-flash 1MiB", NONE, NONE),
    ("random", HIERARCHICAL, NONE),
    ("random", FILLED, NONE),
    ("random", PRODUCT, NONE),
    ("evolution", NONE, NONE),
    ("evolution --tournament-share 0.05 --removal none", NONE, NONE),
    (
        "evolution --benchmark nb201 --soft-max macs=50000000 --soft-below -1",
        NONE,
        NONE,
    ),
    ("local-search", NONE, NONE),
    ("nsga2", NONE, NONE),
    ("rl", NONE, NONE),
    (
        "rl --preset zoph-le --space chain",
        NONE,
        "method.depth = { kind = 'growing', start = 2, add = 1, every = 10 }",
    ),
    ("pnas", NONE, NONE),
    (
        "pnas --surrogate lstm --surrogate-data new",
        "method = { first_level = { at_most = 3 }, parents = { best = 2 }, exploration = { ucb = 0.5 } }",
        NONE,
    ),
    ("pnas --surrogate forest", NONE, NONE),
    ("pnas --surrogate gaussian-process", NONE, NONE),
    ("bohb", "method.min_points_in_model = 9", NONE),
    ("bohb --preset nats-bench --halving asha", NONE, NONE),
    ("bananas", NONE, NONE),
    ("darts", NONE, NONE),
    ("darts --relaxation pc-darts --selection perturbation", NONE, NONE),
    ("darts --relaxation gdas", NONE, NONE),
    ("darts --relaxation drnas", NONE, NONE),
    ("darts --expected-cost macs", NONE, NONE),
    ("darts --stop robust", NONE, NONE),
    ("darts --stop darts-plus", NONE, NONE),
    (
        "darts --benchmark digits --limit 100",
        "images.data_dir = '/data'",
        NONE,
    ),
    ("enas", NONE, NONE),
    ("enas --preset enas --audit 3", NONE, NONE),
    ("spos", NONE, NONE),
    (
        "spos --path-sampling fair --path-search random --audit 3",
        "method.search.candidate_images = 30",
        NONE,
    ),
];

/// A configuration, as a value, and what it was made of.
pub(super) struct Made {
    pub(super) name: String,
    pub(super) value: Value,
}

/// All of them.
pub(super) fn made() -> Vec<Made> {
    CASES.iter().map(of_case).collect()
}

fn of_case(&(words, file, over): &Case) -> Made {
    let name = format!("{words} {file} {over}");
    let config = resolved(file, words).unwrap_or_else(|error| panic!("{name}: {error:#}"));
    let mut value = written(&config);
    merge(
        &mut value,
        serde_json::to_value(over.parse::<toml::Table>().unwrap()).unwrap(),
    );
    // It can be what it is.
    accepted(&value).unwrap_or_else(|error| panic!("{name}: {error}"));
    Made { name, value }
}

/// A configuration as its file has it.
pub(super) fn written(config: &RunConfig) -> Value {
    let text = toml::to_string(config).unwrap();
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

/// A configuration as the program reads it, or why it cannot be read.
pub(super) fn parsed(value: &Value) -> Result<RunConfig, String> {
    let table = toml::Table::try_from(value).map_err(|error| error.to_string())?;
    table
        .try_into()
        .map_err(|error: toml::de::Error| error.to_string())
}

/// Why the program refuses a configuration, if it does.
pub(super) fn accepted(value: &Value) -> Result<(), String> {
    let config = parsed(value)?;
    config.validate().map_err(|error| format!("{error:#}"))
}

fn merge(below: &mut Value, over: Value) {
    match (below, over) {
        (Value::Object(below), Value::Object(over)) => {
            for (key, value) in over {
                merge(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, over) => *below = over,
    }
}
