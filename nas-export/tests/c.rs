//! Networks exported to C, compiled and run, against the trainer's.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "functions beside tests")]

mod cases;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use nas_eval::{Compute, Model};
use nas_export::{C, CNetwork, File, Format, Source};
use nas_space::device::{Arena, ArenaConfig, Number};
use nas_space::network::{Conv2d, LayerKind, NetworkBuilder, Term};
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::{NetworkConfig, named};

use cases::{BOUND, batch, images, scores, seasoned};

/// Architectures of each of the nine spaces.
const ARCHITECTURES: u64 = 6;
/// Images that each network is given.
const IMAGES: usize = 2;
/// What every compiler has to accept.
const STRICT: [&str; 5] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"];
/// The functions of exported files in the order in which C needs them.
const KERNELS: [&str; 16] = [
    "requantize",
    "values",
    "image",
    "windows",
    "conv",
    "product_16",
    "product_8",
    "product_4",
    "product_1",
    "convolve",
    "depthwise",
    "pool",
    "mean",
    "add",
    "scores",
    "",
];

/// The compilers that are installed.
fn compilers() -> Vec<&'static str> {
    let works = |name: &&str| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
    };
    let found: Vec<&str> = ["gcc", "clang"].into_iter().filter(works).collect();
    if found.is_empty() {
        println!("skipped: neither gcc nor clang is installed");
    }
    found
}

/// The first compiler that finds reads and writes beyond arrays, and arithmetic that C does not define.
fn sanitized(program: &Program, compilers: &[&str]) {
    let options = [
        "-O1",
        "-g",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
    ];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("empty.c"), "int main(void) { return 0; }\n").unwrap();
    let links = |compiler: &&&str| {
        let mut command = Command::new(compiler);
        command.args(options).args(["-o", "empty", "empty.c"]);
        command
            .current_dir(folder.path())
            .output()
            .is_ok_and(|output| output.status.success())
    };
    match compilers.iter().find(links) {
        Some(compiler) => program.check(compiler, &options),
        None => println!("skipped: no compiler has AddressSanitizer"),
    }
}

fn succeeded(output: Output) -> Vec<u8> {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn write(folder: &Path, files: &[File]) {
    for file in files {
        fs::write(folder.join(&file.name), &file.content).unwrap();
    }
}

/// The image's bytes as C takes them: of each place all channels.
fn places(shape: Shape, image: &[u8]) -> Vec<u8> {
    let area = shape.height * shape.width;
    let of = |place: usize| (0..shape.channels).map(move |channel| image[channel * area + place]);
    (0..area).flat_map(of).collect()
}

fn place_of_largest(scores: &[f64]) -> Option<usize> {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
}

/// Many exported networks as one program, which prints the bytes of each arena and the scores of
/// each image.
#[derive(Default)]
struct Program {
    kernels: BTreeMap<String, String>,
    networks: String,
    calls: String,
    images: Vec<u8>,
    expected: Vec<Expected>,
}

struct Expected {
    name: String,
    arena: u64,
    scores: Vec<Vec<f64>>,
    /// How far scores may be from these.
    bound: f64,
}

impl Program {
    fn add(&mut self, name: &str, model: &Model) {
        let number = self.expected.len();
        let c = C {
            name: format!("n{number}"),
        };
        let files = c.files(&Source::of_model(model)).unwrap();
        self.add_files(number, &files, "float", "(double)scores[i]");
        let shape = model.network().image();
        let images = images(shape, IMAGES);
        images
            .iter()
            .for_each(|image| self.images.extend(places(shape, image)));
        self.expected.push(Expected {
            name: name.to_owned(),
            arena: Arena::of(model.network(), ArenaConfig::new(Number::F32)).bytes(),
            scores: scores(model, &batch(shape, &images)),
            bound: BOUND,
        });
    }

    /// A network in integers, whose scores have to be those that are computed in Rust.
    fn add_integers(&mut self, name: &str, model: &Model) {
        let number = self.expected.len();
        let source = Source::of_model(model);
        let shape = model.network().image();
        let network = CNetwork::quantized(&source, &images(shape, 4)).unwrap();
        let c = C {
            name: format!("n{number}"),
        };
        let files = c.files_of(&source, &network).unwrap();
        self.add_files(number, &files, "int8_t", "(double)scores[i]");
        let images = images(shape, IMAGES);
        images
            .iter()
            .for_each(|image| self.images.extend(places(shape, image)));
        let integers = |image: &Vec<u8>| network.integer_scores(image).unwrap().into_iter().map(f64::from);
        self.expected.push(Expected {
            name: name.to_owned(),
            arena: Arena::of(model.network(), ArenaConfig::new(Number::Int8)).bytes(),
            scores: images.iter().map(|image| integers(image).collect()).collect(),
            bound: 0.0,
        });
    }

    /// Functions that several networks share are there once.
    fn add_files(&mut self, number: usize, files: &[File], kind: &str, score: &str) {
        let text = |file: &File| String::from_utf8(file.content.clone()).unwrap();
        let (source, header) = (text(&files[0]), text(&files[1]));
        let mut pieces = source.split("\n/* ---- ");
        let _ = writeln!(self.networks, "{header}");
        let _ = writeln!(
            self.networks,
            "{}",
            pieces.next().unwrap().replace("#include", "// #include")
        );
        for piece in pieces {
            let (name, body) = piece.split_once(" ---- */\n").unwrap();
            if KERNELS.contains(&name) {
                let known = self
                    .kernels
                    .entry(name.to_owned())
                    .or_insert_with(|| body.to_owned());
                assert_eq!(known, body);
            } else {
                let _ = writeln!(self.networks, "{body}");
            }
        }
        let _ = write!(
            self.calls,
            "    printf(\"%lu %d\\n\", (unsigned long)sizeof n{number}_arena, N{number}_ARENA);\n    \
             for (image = 0; image < {IMAGES}; image++) {{\n        \
             static uint8_t bytes[N{number}_BYTES];\n        static {kind} scores[N{number}_CLASSES];\n        \
             if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes)\n            return 1;\n        \
             n{number}_run(bytes, scores);\n        \
             for (i = 0; i < N{number}_CLASSES; i++)\n            printf(\"%.9g \", {score});\n        \
             printf(\"%s\\n\", n{number}_classes[0]);\n    }}\n"
        );
    }

    fn text(&self) -> String {
        let mut text =
            "#include <stdint.h>\n#include <stdio.h>\n#define NETWORK_PLACES 4\n#define NETWORK_LANES 16\n"
                .to_owned();
        for kernel in KERNELS {
            text.push_str(self.kernels.get(kernel).map_or("", String::as_str));
        }
        text.push_str(&self.networks);
        let calls = &self.calls;
        let _ = write!(
            text,
            "int main(void)\n{{\n    int i, image;\n{calls}    return 0;\n}}\n"
        );
        text
    }

    /// Compiles and runs it, and returns the lines that it prints for each network.
    fn printed(&self, compiler: &str, options: &[&str]) -> Vec<Vec<Vec<f64>>> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("all.c"), self.text()).unwrap();
        let mut command = Command::new(compiler);
        command.args(STRICT).args(options).args(["-o", "all", "all.c"]);
        succeeded(command.current_dir(folder.path()).output().unwrap());
        let mut child = Command::new(folder.path().join("all"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let images = self.images.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&images));
        let printed = succeeded(child.wait_with_output().unwrap());
        writer.join().unwrap().unwrap();
        let printed = String::from_utf8(printed).unwrap();
        let numbers = |line: &str| {
            line.split_whitespace()
                .map(|word| word.parse().unwrap())
                .collect()
        };
        let lines: Vec<Vec<f64>> = printed.lines().map(numbers).collect();
        assert_eq!(lines.len(), self.expected.len() * (IMAGES + 1));
        lines.chunks(IMAGES + 1).map(<[_]>::to_vec).collect()
    }

    /// Compares with the trainer.
    fn check(&self, compiler: &str, options: &[&str]) {
        for (expected, lines) in self.expected.iter().zip(self.printed(compiler, options)) {
            let (name, bound) = (&expected.name, expected.bound);
            assert_eq!(lines[0], [expected.arena as f64; 2], "{name}");
            for (got, expected) in lines[1..].iter().zip(&expected.scores) {
                // The name of the first class, "0", comes last.
                let got = &got[..got.len() - 1];
                assert_eq!(got.len(), expected.len(), "{name}");
                for (got, expected) in got.iter().zip(expected) {
                    let apart = (got - expected).abs() / expected.abs().max(1.0);
                    assert!(apart <= bound, "{name}: {got}, expected {expected}");
                }
                assert_eq!(place_of_largest(got), place_of_largest(expected), "{name}");
            }
        }
    }
}

#[test]
fn networks_of_every_space_give_the_scores_of_the_trainer_in_the_memory_that_was_counted() {
    let compilers = compilers();
    if compilers.is_empty() {
        return;
    }
    let mut program = Program::default();
    cases::of_every_space(0..ARCHITECTURES, |name, model| program.add(name, model));
    assert!(program.expected.len() >= 50);
    for compiler in compilers {
        program.check(compiler, &["-O1"]);
    }
}

#[test]
fn published_networks_and_every_layer_stay_within_their_memory() {
    let mut program = Program::default();
    cases::published(|name, model| program.add(name, model));
    cases::every_layer(|name, model| program.add(name, model));
    let compilers = compilers();
    sanitized(&program, &compilers);
    if let Some(compiler) = compilers.last() {
        program.check(compiler, &["-O3", "-ffp-contract=fast"]);
    }
}

#[test]
fn integers_are_those_that_rust_computes_in_the_memory_that_was_counted() {
    let mut program = Program::default();
    cases::of_every_space(0..ARCHITECTURES / 2, |name, model| {
        program.add_integers(name, model)
    });
    cases::published(|name, model| program.add_integers(name, model));
    cases::every_layer(|name, model| program.add_integers(name, model));
    let compilers = compilers();
    sanitized(&program, &compilers);
    if let Some(compiler) = compilers.last() {
        program.check(compiler, &["-O3"]);
    }
}

#[test]
fn a_folder_builds_with_make_and_classifies_an_image() {
    if compilers().is_empty() || Command::new("make").arg("--version").output().is_err() {
        println!("skipped: make is not installed");
        return;
    }
    let mut b = NetworkBuilder::new(Shape::new(3, 4, 5)).unwrap();
    let image = b.image();
    let x = b.conv_bn_relu(image, Conv2d::same(6, [3, 3]), true).unwrap();
    let logits = b.linear(x, 5).unwrap();
    let model = seasoned(b.finish(logits, None), 1);
    let classes = ["plain", "quote\" \\", "??/", "caf\u{e9}1", "__FACTS__ {} %d"];
    let source = Source {
        classes: classes.map(str::to_owned).to_vec().into(),
        facts: vec![("dataset", "__FACTS__ `*/\n".to_owned())],
        ..Source::of_model(&model)
    };
    let folder = tempfile::tempdir().unwrap();
    let files = C::default().files(&source).unwrap();
    for file in &files[1..5] {
        let text = String::from_utf8(file.content.clone()).unwrap();
        let unfilled = text.replace("__FACTS__", "").replace("__cplusplus", "");
        assert!(!unfilled.contains("__"), "{}: {text}", file.name);
    }
    write(folder.path(), &files);
    let shape = Shape::new(3, 4, 5);
    let pixels = images(shape, 1).concat();
    let expected = scores(&model, &batch(shape, std::slice::from_ref(&pixels)));
    let make = |options: &str| {
        let mut make = Command::new("make");
        make.current_dir(folder.path()).arg("--always-make");
        succeeded(make.env("CFLAGS", options).output().unwrap());
    };
    make("-O2 -Werror");
    let run = |bytes: &[u8]| {
        fs::write(folder.path().join("image.bytes"), bytes).unwrap();
        let image = fs::File::open(folder.path().join("image.bytes")).unwrap();
        Command::new(folder.path().join("network"))
            .stdin(image)
            .output()
            .unwrap()
    };
    let printed = String::from_utf8(succeeded(run(&places(shape, &pixels)))).unwrap();
    make("-O2 -Werror -DNETWORK_PLACES=1");
    let again = String::from_utf8(succeeded(run(&places(shape, &pixels)))).unwrap();
    assert_eq!(again.lines().last(), printed.lines().last());
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 6, "{printed}");
    for ((line, class), expected) in lines.iter().zip(classes).zip(&expected[0]) {
        let (score, name) = line.split_once(' ').unwrap();
        assert_eq!(name, class);
        assert!(
            (score.parse::<f64>().unwrap() - expected).abs() <= BOUND,
            "{printed}"
        );
    }
    let best = place_of_largest(&expected[0]).unwrap();
    assert_eq!(lines[5], format!("class: {}", classes[best]));
    for wrong in [&pixels[1..], &[pixels.as_slice(), &[0]].concat()] {
        let refused = run(wrong);
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && message.contains("4 x 5 places of 3 bytes"),
            "{message}"
        );
    }
}

/// The lines that a network prints on an emulated Cortex-M4 with 256 KiB of memory.
fn on_a_microcontroller(
    source: &Source<'_>,
    network: &CNetwork,
    images: &[Vec<u8>],
    kind: &str,
) -> Vec<Vec<u32>> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &C::default().files_of(source, network).unwrap());
    let shape = source.model.network().image();
    let mut header = format!(
        "#define IMAGES {}\n#define SCORE {kind}\n#include <stdint.h>\nstatic const uint8_t images[IMAGES][{}] = {{\n",
        images.len(),
        shape.numel()
    );
    for image in images {
        let bytes: Vec<String> = places(shape, image).iter().map(u8::to_string).collect();
        let _ = writeln!(header, "{{{}}},", bytes.join(","));
    }
    fs::write(folder.path().join("images.h"), header + "};\n").unwrap();
    let board = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cortex_m");
    let mut compiler = Command::new("arm-none-eabi-gcc");
    compiler
        .current_dir(folder.path())
        .args([
            "-mcpu=cortex-m4",
            "-mthumb",
            "-mfloat-abi=hard",
            "-mfpu=fpv4-sp-d16",
            "-O2",
        ])
        .args([
            "-ffreestanding",
            "-fno-tree-loop-distribute-patterns",
            "-nostdlib",
            "-I.",
            "-T",
        ])
        .arg(board.join("board.ld"))
        .arg(board.join("board.c"))
        .args(["network.c", "-lgcc", "-o", "network.elf"]);
    succeeded(compiler.output().unwrap());
    let mut emulator = Command::new("timeout");
    emulator
        .current_dir(folder.path())
        .args(["300", "qemu-system-arm", "-M", "mps2-an386", "-display", "none"])
        .args([
            "-semihosting-config",
            "enable=on,target=native",
            "-kernel",
            "network.elf",
        ]);
    let output = emulator.output().unwrap();
    // What is printed through semihosting goes to the emulator's standard error.
    let printed = String::from_utf8([succeeded(output.clone()), output.stderr].concat()).unwrap();
    let numbers = |line: &str| {
        line.split(' ')
            .map(|word| u32::from_str_radix(word, 16).unwrap())
            .collect()
    };
    printed.lines().map(numbers).collect()
}

#[test]
fn an_emulated_microcontroller_with_256_kib_gives_the_same_scores() {
    let works = |name: &str| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if !works("arm-none-eabi-gcc") || !works("qemu-system-arm") {
        println!("skipped: gcc-arm-none-eabi and qemu-system-arm are not installed");
        return;
    }
    let named = named::by_name("RESNET8").unwrap();
    let (image, classes) = named.data.unwrap();
    let config = NetworkConfig {
        image,
        classes,
        ..NetworkConfig::default()
    };
    let network = named.genotype.network(&Operations::standard(), &config).unwrap();
    let model = seasoned(network, 1);
    let source = Source::of_model(&model);
    let images = images(image, IMAGES);

    let network = CNetwork::new(&source).unwrap();
    let lines = on_a_microcontroller(&source, &network, &images, "float");
    let (stack, lines) = lines.split_last().unwrap();
    println!(
        "RESNET8 in floats: {} bytes of maps, {} of stack",
        network.arena(),
        stack[0]
    );
    assert_eq!(lines.len(), IMAGES);
    for (line, expected) in lines.iter().zip(scores(&model, &batch(image, &images))) {
        let got: Vec<f64> = line.iter().map(|&bits| f64::from(f32::from_bits(bits))).collect();
        for (got, expected) in got.iter().zip(&expected) {
            let apart = (got - expected).abs() / expected.abs().max(1.0);
            assert!(apart <= BOUND, "{got}, expected {expected}");
        }
        assert_eq!(place_of_largest(&got), place_of_largest(&expected));
    }

    let network = CNetwork::quantized(&source, &images).unwrap();
    let lines = on_a_microcontroller(&source, &network, &images, "int8_t");
    let (stack, lines) = lines.split_last().unwrap();
    println!(
        "RESNET8 in integers: {} bytes of maps, {} of stack",
        network.arena(),
        stack[0]
    );
    assert_eq!(lines.len(), IMAGES);
    for (line, image) in lines.iter().zip(&images) {
        let got: Vec<i8> = line.iter().map(|&bits| bits as u8 as i8).collect();
        assert_eq!(Some(got), network.integer_scores(image));
    }
}

#[test]
fn names_that_c_does_not_take_and_supernets_are_refused() {
    let mut b = NetworkBuilder::new(Shape::new(1, 2, 2)).unwrap();
    let image = b.image();
    let logits = b.linear(image, 2).unwrap();
    let model = seasoned(b.finish(logits, None), 0);
    for name in ["", "1st", "two words", "for", "main", "a\"", "\u{e4}", "a-b"] {
        let c = C {
            name: name.to_owned(),
        };
        let refused = c.files(&Source::of_model(&model)).unwrap_err().to_string();
        assert!(refused.contains(&format!("'{name}'")), "{refused}");
    }
    let none = CNetwork::quantized(&Source::of_model(&model), &[])
        .unwrap_err()
        .to_string();
    assert!(none.contains("some hundred"), "{none}");

    let mut b = NetworkBuilder::new(Shape::new(1, 2, 2)).unwrap();
    let image = b.image();
    let terms = (0..2).map(|column| Term {
        table: 0,
        row: 0,
        column,
    });
    let mixed = LayerKind::WeightedSum {
        terms: terms.collect(),
    };
    let mixed = b.push_named("mixed", mixed, &[image, image]).unwrap();
    let logits = b.linear(mixed, 2).unwrap();
    let network = Arc::new(b.finish(logits, None));
    let model = Model::new(network, Seed::new(0), &Compute::cpu()).unwrap();
    let refused = C::default()
        .files(&Source::of_model(&model))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("layer 'mixed'") && refused.contains("not a supernet"),
        "{refused}"
    );
}
