//! Networks exported to Rust, compiled and run, against the trainer's.
#![expect(clippy::unwrap_used, reason = "functions beside tests")]

mod cases;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use nas_eval::{Compute, Model};
use nas_export::{File, Format, RustCrate, Source};
use nas_space::network::{Conv2d, NetworkBuilder};
use nas_space::seed::Seed;
use nas_space::shape::Shape;

use cases::{BOUND, batch, images, scores, seasoned};

/// Architectures of each space.
const ARCHITECTURES: u64 = 3;
/// Images that each network is given.
const IMAGES: usize = 3;

fn write(folder: &Path, files: &[File]) {
    for file in files {
        let path = folder.join(&file.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &file.content).unwrap();
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

fn place_of_largest(scores: &[f64]) -> Option<usize> {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
}

/// Many exported networks as the modules of one program, which prints the scores of each image.
struct Program {
    folder: tempfile::TempDir,
    main: String,
    networks: Vec<(String, Vec<Vec<f64>>)>,
}

impl Program {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            main: String::new(),
            networks: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, model: &Model) {
        let number = self.networks.len();
        let folder = self.folder.path().join(format!("n{number}"));
        let mut files = RustCrate::default().files(&Source::of_model(model)).unwrap();
        // The operations are the same for all networks, and compiled once.
        let text = String::from_utf8(files[0].content.clone()).unwrap();
        assert!(text.contains("\nmod ops;\n"));
        files[0].content = text.replace("\nmod ops;\n", "\nuse crate::ops;\n").into_bytes();
        write(&folder, &files);
        if number == 0 {
            fs::copy(folder.join("src/ops.rs"), self.folder.path().join("ops.rs")).unwrap();
        }
        let shape = model.network().image();
        let images = images(shape, IMAGES);
        fs::write(folder.join("images.bin"), images.concat()).unwrap();
        let _ = writeln!(self.main, "#[path = \"n{number}/src/lib.rs\"]\nmod n{number};");
        self.networks
            .push((name.to_owned(), scores(model, &batch(shape, &images))));
    }

    /// Compiles and runs it, and compares the scores of all networks.
    fn check(mut self) {
        self.main += "mod ops;\nfn main() {\n";
        for number in 0..self.networks.len() {
            let _ = writeln!(
                self.main,
                "    for image in include_bytes!(\"n{number}/images.bin\").chunks(n{number}::SHAPE.iter().product()) {{\n        \
                 println!(\"{{:?}}\", n{number}::logits(image));\n    }}"
            );
        }
        self.main += "}\n";
        let folder = self.folder.path();
        fs::write(folder.join("main.rs"), &self.main).unwrap();
        // Unoptimised, it checks for overflow. What a network does not use of its module is no
        // fault, all other warnings are.
        let mut compiler = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        compiler.args([
            "--edition",
            "2021",
            "-D",
            "warnings",
            "-A",
            "dead_code",
            "main.rs",
        ]);
        succeeded(compiler.current_dir(folder).output().unwrap());
        let printed = succeeded(Command::new(folder.join("main")).output().unwrap());
        let printed = String::from_utf8(printed).unwrap();
        let mut rows = printed
            .lines()
            .map(|line| serde_json::from_str::<Vec<f64>>(line).unwrap());
        for (name, expected) in self.networks {
            for expected in expected {
                let got = rows.next().unwrap();
                assert_eq!(got.len(), expected.len(), "{name}");
                for (got, expected) in got.iter().zip(&expected) {
                    let apart = (got - expected).abs() / expected.abs().max(1.0);
                    assert!(apart <= BOUND, "{name}: {got}, expected {expected}");
                }
                assert_eq!(place_of_largest(&got), place_of_largest(&expected), "{name}");
            }
        }
        assert!(rows.next().is_none());
    }
}

#[test]
fn crates_give_the_scores_of_the_networks_that_they_were_made_of() {
    let mut program = Program::new();
    cases::every_layer(|name, model| program.add(name, model));
    cases::published(|name, model| program.add(name, model));
    cases::of_every_space(0..ARCHITECTURES, |name, model| program.add(name, model));
    program.check();
}

#[test]
fn a_crate_builds_without_others_and_classifies_an_image_file() {
    let mut b = NetworkBuilder::new(Shape::new(3, 4, 5)).unwrap();
    let image = b.image();
    let x = b.conv_bn_relu(image, Conv2d::same(6, [3, 3]), true).unwrap();
    let logits = b.linear(x, 5).unwrap();
    let model = seasoned(b.finish(logits, None), 1);
    let classes = [
        "plain",
        "quote\" \\",
        "new\nline",
        "\u{202e}turned\u{1F600}",
        "__FACTS__ {}",
    ];
    let source = Source {
        classes: classes.map(str::to_owned).to_vec().into(),
        facts: vec![("dataset", "__FACTS__ \" \\".to_owned())],
        ..Source::of_model(&model)
    };
    let folder = tempfile::tempdir().unwrap();
    let name = "my-network".to_owned();
    write(folder.path(), &RustCrate { name }.files(&source).unwrap());
    let pixels = images(Shape::new(3, 4, 5), 1).concat();
    let expected = scores(&model, &batch(Shape::new(3, 4, 5), std::slice::from_ref(&pixels)));
    let mut ppm = b"P6\n# made by hand\n5 4\n255\n".to_vec();
    ppm.extend((0..20).flat_map(|pixel| [0, 1, 2].map(|channel| pixels[channel * 20 + pixel])));
    fs::write(folder.path().join("image.ppm"), ppm).unwrap();
    fs::write(folder.path().join("image.pgm"), b"P5\n5 4\n255\n").unwrap();

    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(folder.path())
            .env("CARGO_TARGET_DIR", folder.path().join("target"));
        cargo
            .env("RUSTFLAGS", "-D warnings")
            .args(arguments)
            .output()
            .unwrap()
    };
    let run = ["run", "--quiet", "--offline", "--example", "classify", "--"];
    let printed = succeeded(cargo(&[&run[..], &["image.ppm"]].concat()));
    let best = place_of_largest(&expected[0]).unwrap();
    let printed = String::from_utf8(printed).unwrap();
    assert!(
        printed.contains(&format!("image.ppm  {} ", classes[best])),
        "{printed:?}"
    );
    let refused = cargo(&[&run[..], &["image.pgm"]].concat());
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && message.contains("expected [\"P6\""),
        "{message}"
    );
}

#[test]
fn names_that_no_crate_can_have_are_refused() {
    let mut b = NetworkBuilder::new(Shape::new(1, 2, 2)).unwrap();
    let image = b.image();
    let logits = b.linear(image, 2).unwrap();
    let network = Arc::new(b.finish(logits, None));
    let model = Model::new(network, Seed::new(0), &Compute::cpu()).unwrap();
    for name in ["", "1st", "two words", "fn", "a\"", "ä"] {
        let name = name.to_owned();
        let refused = RustCrate { name: name.clone() }.files(&Source::of_model(&model));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(&format!("'{name}'")), "{refused}");
    }
}
