//! `nas show`: what an architecture is and what it costs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use nas_eval::latency::Latency;
use nas_eval::memory;
use nas_report::arena;
use nas_report::number::{counted, figure, grouped, kibibytes, known};
use nas_report::plot;
use nas_runner::Usage;
use nas_runner::plan::{Estimation, RunConfig};
use nas_runner::report::Run;
use nas_runner::size::{self, Size, Skeleton};
use nas_space::canonical::canonical_id;
use nas_space::device::{Arena, ArenaConfig, Flash, Number};
use nas_space::draw;
use nas_space::error::SpaceError;
use nas_space::genotype::Genotype;
use nas_space::hierarchy::{Hierarchy, NONE};
use nas_space::named;
use nas_space::nb101::Module;
use nas_space::network::{Network, NetworkConfig};
use nas_space::op::Operations;
use serde::Serialize;

use crate::architecture::{self, Found};
use crate::args::{ShowArgs, ShowFormat};
use crate::output::{Output, write_stdout};

/// The JSON of `nas show`.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    arch: String,
    id: String,
    genotype: &'a Genotype,
    #[serde(flatten)]
    built: Option<Built>,
    /// Of the network, else of the run's records, where they know it.
    params: Option<u64>,
    macs: Option<u64>,
    /// What the network needs on a small device.
    #[serde(flatten)]
    needs: Option<Needs>,
    /// On this machine, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
    /// The same on one thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_of_one_thread: Option<Latency>,
    /// The most memory that measuring has taken, with the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
    /// Other figures that a run's table has of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    figures: BTreeMap<String, f64>,
}

/// The network that it is.
#[derive(Debug, Serialize)]
struct Built {
    channels: usize,
    cells: usize,
    stem_halvings: usize,
    classes: usize,
    image: String,
    layers: usize,
}

/// What a network needs on a small device, in bytes.
#[derive(Debug, Serialize)]
struct Needs {
    memory: u64,
    memory_f32: u64,
    /// Whether no order of computation needs less memory.
    memory_exact: bool,
    flash: u64,
    flash_f32: u64,
    #[serde(skip)]
    words: [String; 3],
}

/// Layers from which on the memory of a network is not computed: it would take minutes. Published networks have some thousands.
const MOST_LAYERS: usize = 20_000;
/// Columns of the picture of memory in text.
const COLUMNS: usize = 72;

impl Needs {
    fn of(network: &Network) -> Self {
        let int8 = Arena::of(network, ArenaConfig::new(Number::Int8));
        let memory_f32 = Arena::of(network, ArenaConfig::new(Number::F32)).bytes();
        let [flash, flash_f32] = [Number::Int8, Number::F32].map(|number| Flash::of(network, number).bytes());
        let words = [
            format!(
                "memory  {}; as 32-bit numbers {}",
                arena::described(&int8, network),
                kibibytes(memory_f32)
            ),
            format!("        {}", arena::profile(&int8, COLUMNS)),
            format!(
                "flash   {} bytes ({}); as 32-bit numbers {}",
                grouped(flash),
                kibibytes(flash),
                kibibytes(flash_f32)
            ),
        ];
        Self {
            memory: int8.bytes(),
            memory_f32,
            memory_exact: int8.is_exact(),
            flash,
            flash_f32,
            words,
        }
    }
}

/// Prints the architecture in the form asked for.
pub(crate) fn run(args: &ShowArgs, output: Output) -> Result<()> {
    if output == Output::Json
        && matches!(
            args.format,
            ShowFormat::Dot | ShowFormat::Svg | ShowFormat::Memory
        )
    {
        return Err(Usage::new(
            "--json prints JSON; it cannot be used with --format dot, --format svg or --format memory",
        )
        .into());
    }
    let Found { genotype, search } = architecture::resolve(&args.arch)?;
    let operations = Operations::standard();
    // Those that the run trained, or those whose accuracies its table has.
    let trained = search.as_ref().and_then(|search| search.network().ok());
    let beside = search.as_ref().map(|search| beside(search, &genotype));
    // A whole network was made for certain images.
    let data = match named::data_of(&genotype) {
        Some((image, classes)) => NetworkConfig {
            image,
            classes,
            ..NetworkConfig::default()
        },
        None => NetworkConfig::default(),
    };
    let published = || Size::published(Skeleton::of(&genotype)).put_on(data);
    let mut config = NetworkConfig {
        auxiliary: args.auxiliary,
        drop_path: false,
        ..trained.unwrap_or_else(published)
    };
    if let Some(image) = args.image {
        config.image = image;
        config.stem_halvings = NetworkConfig::halvings_for(image);
    }
    config.classes = args.classes.unwrap_or(config.classes);
    args.size.check(&genotype)?;
    args.size.overlay(&mut config);
    let typed = args.size.first_typed().is_some() || args.auxiliary;
    let (built, (params, macs), needs, latency) = match genotype.network(&operations, &config) {
        Ok(network) => {
            let built = Built {
                channels: config.channels,
                cells: config.cells,
                stem_halvings: config.stem_halvings,
                classes: config.classes,
                image: config.image.to_string(),
                layers: network.layers().len(),
            };
            let is_too_large = network.layers().len() > MOST_LAYERS;
            if args.format == ShowFormat::Memory {
                if is_too_large {
                    bail!(
                        "the network has {} layers; memory is computed for at most {MOST_LAYERS}",
                        network.layers().len()
                    );
                }
                let arena = Arena::of(&network, ArenaConfig::new(Number::Int8));
                return write_stdout(&plot::memory(&arena::chart(&arena, &network)));
            }
            let cost = network.cost();
            // The pictures of the architecture do without.
            let is_told = matches!(args.format, ShowFormat::Text | ShowFormat::Json) && !is_too_large;
            let needs = is_told.then(|| Needs::of(&network));
            let network = Arc::new(network);
            let measure = || Ok((Latency::of(&network)?, Latency::on_one_thread(&network)?));
            let measured: Result<_> = args.measure.then(measure).transpose();
            let measured = measured?;
            (Some(built), (Some(cost.params), Some(cost.macs)), needs, measured)
        }
        // It is known from a benchmark table alone, which may say how large it is.
        Err(SpaceError::NoNetwork { .. })
            if !typed
                && !args.measure
                && args.format != ShowFormat::Memory
                && args.image.is_none()
                && args.classes.is_none() =>
        {
            let recorded = search.is_some().then(|| best_size(Path::new(&args.arch)));
            (None, recorded.unwrap_or(Ok((None, None)))?, None, None)
        }
        Err(error) => return Err(error.into()),
    };
    let shown = Shown {
        arch: genotype.to_string(),
        id: canonical_id(&genotype, &operations).to_string(),
        genotype: &genotype,
        built,
        params,
        macs,
        needs,
        latency: latency.map(|(all, _)| all),
        latency_of_one_thread: latency.map(|(_, one)| one),
        peak_memory_bytes: latency.and_then(|_| memory::peak()),
        figures: beside.unwrap_or_default(),
    };
    match (args.format, output) {
        (ShowFormat::Dot, _) => write_stdout(&draw::dot(&genotype)),
        // The chart of memory is printed where the network is.
        (ShowFormat::Svg | ShowFormat::Memory, _) => write_stdout(&draw::svg(&genotype)),
        (ShowFormat::Json, _) | (_, Output::Json) => Output::Json.result(&shown, String::new),
        (ShowFormat::Text, Output::Text) => Output::Text.result(&shown, || text(&shown)),
    }
}

/// Parameters and multiply-accumulates of a run's best architecture, where its records know them.
fn best_size(path: &Path) -> Result<(Option<u64>, Option<u64>)> {
    let run = Run::read(path)?;
    Ok(run.best().map_or((None, None), |best| run.size(&best)))
}

/// What the table of a run and its files of costs, where there are any and they can be read, know of this architecture besides
/// the size of its network.
fn beside(search: &RunConfig, genotype: &Genotype) -> BTreeMap<String, f64> {
    let has_costs = search.costs.as_ref().is_some_and(|costs| !costs.latency);
    if !matches!(search.estimation, Estimation::Table(_)) && !has_costs {
        return BTreeMap::new();
    }
    let figures = search.sizes().and_then(|sizes| {
        let architecture = search.space.build()?.architecture(genotype)?;
        Ok(sizes.of(&architecture)?)
    });
    figures.map(|figures| figures.named).unwrap_or_default()
}

/// What one image takes on this machine.
fn measured(all: &Latency, one: &Latency, memory: Option<u64>) -> String {
    let of = |latency: &Latency| {
        let [shortest, longest] = latency.range;
        format!(
            "{:.2} ms with {} (median of {} passes, {shortest:.2} to {longest:.2})",
            latency.milliseconds,
            counted(latency.threads, "thread"),
            latency.passes,
        )
    };
    let several = match all.threads {
        1 => String::new(),
        _ => format!(", {}", of(all)),
    };
    let memory = memory.map_or_else(String::new, |bytes| {
        format!("; {} MiB of memory with the program", bytes.div_ceil(1 << 20))
    });
    format!("latency for one image: {}{several}{memory}", of(one))
}

fn text(shown: &Shown<'_>) -> String {
    let mut lines = vec![shown.arch.clone()];
    lines.push(format!("id      {}", shown.id));
    lines.push(match (&shown.built, shown.genotype) {
        (None, _) => "network not known: its choices are known from a benchmark table alone".to_owned(),
        (Some(built), Genotype::Blocks(_)) => format!("image   {}, {} classes", built.image, built.classes),
        (Some(built), Genotype::Chain(_)) => format!(
            "image   {}, {} classes{}",
            built.image,
            built.classes,
            size::stem_in_words(built.stem_halvings)
        ),
        (Some(built), Genotype::EnasMacro(_)) => format!(
            "image   {}, {} classes, {}{}",
            built.image,
            built.classes,
            counted(built.channels, "channel"),
            size::stem_in_words(built.stem_halvings)
        ),
        (Some(built), _) => format!(
            "image   {}, {} classes, {}, {}{}{}",
            built.image,
            built.classes,
            counted(built.channels, "channel"),
            counted(built.cells, "cell"),
            match Skeleton::of(shown.genotype) {
                Skeleton::Nb201 => " per stage",
                Skeleton::Nb101 => " per stack",
                Skeleton::Darts | Skeleton::Chain | Skeleton::Macro => "",
            },
            size::stem_in_words(built.stem_halvings)
        ),
    });
    lines.push(format!("params  {}", known(shown.params, grouped)));
    lines.push(format!(
        "MACs    {}",
        known(shown.macs, |macs| format!(
            "{} ({:.1} M)",
            grouped(macs),
            macs as f64 / 1e6
        ))
    ));
    if let Some(needs) = &shown.needs {
        lines.extend(needs.words.clone());
    }
    if let (Some(all), Some(one)) = (&shown.latency, &shown.latency_of_one_thread) {
        lines.push(measured(all, one, shown.peak_memory_bytes));
    }
    for (name, value) in &shown.figures {
        lines.push(format!("{name:<7} {}", figure(*value)));
    }
    if let Genotype::Selection(selection) = shown.genotype {
        lines.push(format!("choices of space {}", selection.space));
        lines.extend(
            selection
                .choices
                .iter()
                .map(|(name, option)| format!("  {name} = {option}")),
        );
    }
    if let Genotype::Nb101(module) = shown.genotype {
        lines.extend(vertices(module));
        return lines.join("\n");
    }
    if let Genotype::Hierarchical(hierarchy) = shown.genotype {
        lines.extend(levels(hierarchy));
        return lines.join("\n");
    }
    if let Genotype::EnasMacro(network) = shown.genotype {
        for (number, layer) in network.layers().iter().enumerate() {
            let skips: Vec<String> = layer.skips.iter().map(|state| format!(" + {state}")).collect();
            let operation = layer.operation.name();
            lines.push(format!(
                "  {} = {operation}({number}){}",
                number + 1,
                skips.concat()
            ));
        }
    }
    if let Genotype::Blocks(network) = shown.genotype {
        for (number, block) in network.blocks().iter().enumerate() {
            let (what, how) = block.words();
            lines.push(format!("  {number} = {what}, {how}"));
        }
    }
    for (name, cell) in shown.genotype.cells() {
        lines.push(match name {
            "cell" => name.to_owned(),
            _ => format!("{name} cell"),
        });
        for (i, node) in cell.nodes().iter().enumerate() {
            let edges: Vec<String> = node
                .edges
                .iter()
                .map(|(op, from)| format!("{op}({from})"))
                .collect();
            let joint = match node.combine {
                nas_space::cell::Combine::Add => " + ",
                nas_space::cell::Combine::Concat => " ++ ",
            };
            lines.push(format!("  {} = {}", cell.inputs() + i, edges.join(joint)));
        }
        lines.push(format!("  output = {:?}", cell.output()));
    }
    lines.join("\n")
}

/// The vertices of a module, what they read, and the name of the module in the benchmark.
fn vertices(module: &Module) -> Vec<String> {
    let last = module.vertices() - 1;
    let sources = |to: usize| {
        let sources = (0..to).filter(|&from| module.has_edge(from, to));
        sources.map(|from| from.to_string()).collect::<Vec<_>>()
    };
    let mut lines = vec![format!("hash    {}", module.hash()), "module".to_owned()];
    for vertex in 1..last {
        let from = sources(vertex).join(" + ");
        lines.push(format!("  {vertex} = {}({from})", module.label(vertex)));
    }
    lines.push(format!("  output = [{}]", sources(last).join(", ")));
    lines
}

/// The motifs of every level, and what they amount to.
fn levels(hierarchy: &Hierarchy) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, motifs) in hierarchy.levels().iter().enumerate() {
        lines.push(format!("level {}", i + 2));
        for (m, motif) in motifs.iter().enumerate() {
            lines.push(format!("  motif{m}"));
            for (node, into) in motif.operations().iter().enumerate() {
                let edges = into.iter().enumerate().filter(|(_, name)| *name != NONE);
                let parts: Vec<String> = edges.map(|(from, name)| format!("{name}({from})")).collect();
                let merged = match parts.as_slice() {
                    [] => "nothing".to_owned(),
                    parts => parts.join(" ++ "),
                };
                lines.push(format!("    {} = {merged}", node + 1));
            }
        }
    }
    lines.push(format!(
        "flattened to {}",
        counted(hierarchy.cell().len(), "node")
    ));
    lines
}
