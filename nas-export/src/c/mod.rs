//! C: for microcontrollers and for programs that embed a network.

mod call;
mod code;
mod function;
mod integers;
mod program;
mod single;
mod text;
mod view;

use nas_space::device::Number;

use self::code::Code;
use self::integers::{Integers, Quantized};
use self::program::Program;
use self::single::Single;
use self::text::{float, quoted};
use crate::difference::Difference;
use crate::error::ExportError;
use crate::file::{File, Format};
use crate::largest::largest;
use crate::preprocessing::Preprocessing;
use crate::source::Source;

const HEADER: &str = include_str!("network.h");
const MAIN: &str = include_str!("main.c");
const MAKEFILE: &str = include_str!("makefile.txt");
const README: &str = include_str!("folder.md");
/// Places that a convolution computes together unless it is compiled for others.
const PLACES: usize = 4;
/// Words that C or the header have a use for.
const TAKEN: &str = "auto break case char const continue default do double else enum extern float for goto if \
    inline int long register restrict return short signed sizeof static struct switch typedef union unsigned \
    void volatile while main";

/// C99 without dependencies but `<stdint.h>`: class scores of an image's bytes, H×W×C, on one thread.
///
/// The maps of all layers lie in one static block of memory, of exactly the bytes and in the order
/// of [`nas_space::device::Arena`]. Batch norms have become part of the convolutions before them.
/// Weights are constants. Nothing is allocated; convolutions use some stack, of which `README.md`
/// says how much.
#[derive(Debug, Clone)]
pub struct C {
    /// What the files, and in them what others see, are called: letters, digits and _, a letter
    /// first.
    pub name: String,
}

impl Default for C {
    fn default() -> Self {
        Self {
            name: "network".to_owned(),
        }
    }
}

impl Format for C {
    fn name(&self) -> &'static str {
        "c"
    }

    fn files(&self, source: &Source<'_>) -> Result<Vec<File>, ExportError> {
        self.files_of(source, &CNetwork::new(source)?)
    }
}

/// A network as it will be in C, which can be run here, too: in the same arena and with the same
/// loops.
#[derive(Debug, Clone)]
pub struct CNetwork {
    program: Program,
    integers: Option<Quantized>,
}

impl CNetwork {
    /// The network of a source in 32-bit numbers.
    ///
    /// # Errors
    /// As [`Format::files`].
    pub fn new(source: &Source<'_>) -> Result<Self, ExportError> {
        source.check()?;
        Ok(Self {
            program: Program::of(source, Number::F32)?,
            integers: None,
        })
    }

    /// The network of a source in 8-bit integers, without any other arithmetic. `images` are some
    /// hundred of those trained on, C×H×W bytes each: the ranges of all values are measured on them.
    /// Maps have a scale and a zero each, weights a scale for each output channel.
    ///
    /// # Errors
    /// As [`Format::files`]; [`ExportError::Mismatch`] without images, and for networks whose sums do
    /// not fit 32 bits.
    pub fn quantized(source: &Source<'_>, images: &[Vec<u8>]) -> Result<Self, ExportError> {
        source.check()?;
        Source::check_calibration(images)?;
        let program = Program::of(source, Number::Int8)?;
        Ok(Self {
            integers: Some(Quantized::of(&program, images)?),
            program,
        })
    }

    /// The class scores of an image, C×H×W bytes. Integers are given as what they are worth.
    pub fn scores(&self, image: &[u8]) -> Vec<f32> {
        let Some(integers) = &self.integers else {
            return single::scores(&self.program, image, &mut ());
        };
        let scale = integers.scores(&self.program);
        let scores = integers::scores(&self.program, integers, image).into_iter();
        scores
            .map(|score| (i32::from(score) - scale.zero) as f32 * scale.step as f32)
            .collect()
    }

    /// The class scores of an image, C×H×W bytes, as integers: what C gives, to the bit. None for a
    /// network in 32-bit numbers.
    pub fn integer_scores(&self, image: &[u8]) -> Option<Vec<i8>> {
        let integers = self.integers.as_ref()?;
        Some(integers::scores(&self.program, integers, image))
    }

    /// The class of an image, C×H×W bytes.
    pub fn class(&self, image: &[u8]) -> usize {
        largest(&self.scores(image))
    }

    /// Compares with the source on these images, C×H×W bytes each.
    ///
    /// # Errors
    /// A Candle error from the source.
    pub fn compare(&self, source: &Source<'_>, images: &[Vec<u8>]) -> Result<Difference, ExportError> {
        Difference::of(source, images, |batch| {
            Ok(batch.iter().map(|image| self.scores(image)).collect())
        })
    }

    /// Bytes of the arena.
    pub fn arena(&self) -> usize {
        self.program.arena
    }
}

/// The text of a network, and what it takes, in bytes.
struct Written {
    text: String,
    constants: usize,
    stack: usize,
}

impl C {
    /// The files of a network that has been made of this source.
    ///
    /// # Errors
    /// [`ExportError::Mismatch`] for a name that C does not take.
    pub fn files_of(&self, source: &Source<'_>, network: &CNetwork) -> Result<Vec<File>, ExportError> {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !self.name.starts_with(|c: char| c.is_ascii_alphabetic())
            || !self.name.chars().all(letters)
            || TAKEN.split_whitespace().any(|word| word == self.name)
        {
            return Err(ExportError::Mismatch {
                what: "the name of the C files",
                got: format!("'{}'", self.name),
                expected: "letters, digits and _, a letter first, and no word of C".to_owned(),
            });
        }
        let program = &network.program;
        let (written, scores) = match &network.integers {
            None => (Code::of(&Single(program), program, &self.name, "float"), None),
            Some(integers) => {
                let scale = integers.scores(program);
                let dialect = Integers { program, integers };
                let written = Code::of(&dialect, program, &self.name, "int8_t");
                (written, Some((scale.step as f32, scale.zero)))
            }
        };
        let (text, code) = written;
        let value = if scores.is_some() { 1 } else { 4 };
        let written = Written {
            text,
            constants: code.bytes,
            stack: value * code.scratch(PLACES),
        };
        Ok(self.folder(source, network, written, scores))
    }

    /// All files. `scores` are what a score in integers is worth, and the integer of 0.
    fn folder(
        &self,
        source: &Source<'_>,
        network: &CNetwork,
        written: Written,
        scores: Option<(f32, i32)>,
    ) -> Vec<File> {
        let mut text = written.text;
        let (name, macros) = (&self.name, self.name.to_ascii_uppercase());
        let image = network.program.image();
        let classes: Vec<String> = source
            .classes
            .iter()
            .map(|class| format!("    {},\n", quoted(class)))
            .collect();
        text.push_str(&format!(
            "\nconst char *const {name}_classes[{macros}_CLASSES] = {{\n{}}};\n",
            classes.concat()
        ));
        let scale = match scores {
            Some((scale, zero)) => format!(
                "/* A score s is worth (s - {macros}_ZERO) * {macros}_SCALE. */\n#define {macros}_ZERO ({zero})\n\
                 #define {macros}_SCALE {}\n",
                float(scale)
            ),
            None => String::new(),
        };
        let score = match scores {
            Some(_) => format!("((float)(scores[i] - {macros}_ZERO) * {macros}_SCALE)"),
            None => "scores[i]".to_owned(),
        };
        let (value, number) = match scores {
            Some(_) => ("int8_t", "8-bit integers"),
            None => ("float", "32-bit floating-point numbers"),
        };
        let values = [
            ("NAME", name.clone()),
            ("MACRO", macros.clone()),
            ("TYPE", value.to_owned()),
            ("NUMBER", number.to_owned()),
            ("SCORE", score),
            ("SCALE", scale),
            ("HEIGHT", image.height.to_string()),
            ("WIDTH", image.width.to_string()),
            ("CHANNELS", image.channels.to_string()),
            ("CLASS_COUNT", source.classes.len().to_string()),
            ("BYTES", image.numel().to_string()),
            ("ARENA", network.arena().to_string()),
            ("FLASH", written.constants.to_string()),
            ("STACK", written.stack.to_string()),
            // What comes from outside is put in last, so that nothing is replaced in it.
            ("FACTS", facts(source)),
        ];
        let filled = |template: &str| {
            let fill =
                |text: String, (name, value): &(&str, String)| text.replace(&format!("__{name}__"), value);
            values.iter().fold(template.to_owned(), fill)
        };
        vec![
            File::new(&format!("{name}.c"), text),
            File::new(&format!("{name}.h"), filled(HEADER)),
            File::new("main.c", filled(MAIN)),
            File::new("Makefile", filled(MAKEFILE)),
            File::new("README.md", filled(README)),
            File::new("preprocess.json", Preprocessing::of(source).json()),
        ]
    }
}

/// What is known of the network, as lines of a list.
fn facts(source: &Source<'_>) -> String {
    let lines = source.facts.iter().map(|(name, value)| {
        // In a code span nothing means anything but its end.
        let value: String = value
            .chars()
            .map(|c| if c == '`' || c.is_control() { ' ' } else { c })
            .collect();
        format!("\n- {name}: `{value}`")
    });
    let lines: String = lines.collect();
    match lines.is_empty() {
        true => "nothing.".to_owned(),
        false => format!("\n{lines}"),
    }
}
