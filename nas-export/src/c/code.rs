//! The text of `network.c`, put together from functions, constants and calls.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::call::{Call, CallKind, Windows};
use super::program::{Program, Step};
use super::text::pair;
use super::view::Part;

/// Values that loops treat together, and places of a convolution.
const SIZES: &str = "\
/* Places of a map that a convolution computes together: 4, or 1, which is slower and needs less stack. */
#ifndef NETWORK_PLACES
#define NETWORK_PLACES 4
#endif
#if NETWORK_PLACES != 4 && NETWORK_PLACES != 1
#error NETWORK_PLACES is neither 4 nor 1
#endif
/* Channels that other loops compute together. */
#define NETWORK_LANES 16
";

/// What begins each function of the kernels: tests find them by it.
const PIECE: &str = "\n/* ---- ";

/// A file of C that grows.
#[derive(Debug, Default)]
pub(super) struct Code {
    /// The functions that are called, by name.
    kernels: BTreeSet<&'static str>,
    constants: String,
    calls: String,
    /// Values that convolutions gather for each place, and all others for a call.
    of_place: usize,
    of_call: usize,
    /// Pointers to places that a call needs.
    pointers: usize,
    /// Bytes of constants.
    pub(super) bytes: usize,
}

/// How a number type writes the parts of a network.
pub(super) trait Dialect {
    /// The type of values of feature maps, in C.
    const VALUE: &'static str;
    /// The functions in the order in which C needs them, by name.
    const KERNELS: &'static [(&'static str, &'static str)];

    /// The call of what normalises the image, and its constants.
    fn image(&self, code: &mut Code, name: &str) -> String;

    /// The fields of a function that values are written through, for this call of a step.
    fn function(&self, code: &mut Code, name: &str, at: [usize; 2]) -> String;

    /// The fields of a part beyond its place: what it is read through, and its border if it is
    /// `seen` beyond it.
    fn part(&self, code: &mut Code, name: &str, part: &Part, at: PartAt) -> String;

    /// The fields of weights and biases.
    fn weights(&self, code: &mut Code, name: &str, at: [usize; 2]) -> String;

    /// More fields of a sum.
    fn terms(&self, code: &mut Code, name: &str, at: [usize; 2]) -> String;
}

/// A part that is written down.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartAt {
    /// Numbers of its step, call, input and part.
    pub(super) place: [usize; 4],
    /// Whether values are read where its map does not reach.
    pub(super) beyond: bool,
}

impl Code {
    /// Adds constants.
    pub(super) fn constants(&mut self, text: &str, bytes: usize) {
        self.constants.push_str(text);
        self.bytes += bytes;
    }

    /// All of it.
    pub(super) fn of<D: Dialect>(dialect: &D, program: &Program, name: &str, scores: &str) -> (String, Self) {
        let mut code = Self::default();
        code.kernels.extend(["requantize", "values", "image", "scores"]);
        let image = dialect.image(&mut code, &format!("{name}_image"));
        let _ = writeln!(code.calls, "{image}");
        for (number, step) in program.steps.iter().enumerate().skip(1) {
            let shape = step.shape;
            let _ = writeln!(
                code.calls,
                "    /* {}: {} x {} x {} */",
                plain(&step.layer),
                shape.height,
                shape.width,
                shape.channels
            );
            for (place, call) in step.calls.iter().enumerate() {
                code.call(dialect, step, call, [number, place], name);
            }
        }
        let parts = &program.scores.parts;
        let last = program.steps.len();
        let text = code.parts(dialect, parts, &format!("{name}_scores"), [last, 0, 0], false);
        code.constants(&text, 0);
        let _ = writeln!(
            code.calls,
            "    take(arena, {name}_scores, {}, scores);",
            parts.len()
        );
        (code.text::<D>(program, name, scores), code)
    }

    /// Values of scratch memory.
    pub(super) fn scratch(&self, places: usize) -> usize {
        (self.of_place * places).max(self.of_call).max(1)
    }

    fn text<D: Dialect>(&self, program: &Program, name: &str, scores: &str) -> String {
        let mut text = format!("#include \"{name}.h\"\n\n{SIZES}");
        for (kernel, template) in D::KERNELS {
            if self.kernels.contains(kernel) {
                let lanes = kernel.rsplit('_').next().unwrap_or_default();
                let piece = template.replace("@LANES@", lanes);
                let _ = write!(text, "{PIECE}{kernel} ---- */\n{piece}");
            }
        }
        let value = D::VALUE;
        let _ = write!(text, "{PIECE}constants ---- */\n{}", self.constants);
        let _ = write!(
            text,
            "{PIECE}the network ---- */\n/* All feature maps: one takes the place of another that is not needed any more. */\n\
             static {value} {name}_arena[{}_ARENA / sizeof({value})];\n\n\
             void {name}_run(const uint8_t *image, {scores} *scores)\n{{\n    {value} *arena = {name}_arena;\n",
            name.to_ascii_uppercase(),
            value = value,
        );
        let (place, call) = (self.of_place, self.of_call.max(1));
        let _ = match place {
            0 => writeln!(text, "    {value} scratch[{call}];"),
            _ => writeln!(
                text,
                "    {value} scratch[{place} * NETWORK_PLACES > {call} ? {place} * NETWORK_PLACES : {call}];"
            ),
        };
        if self.pointers > 0 {
            let _ = writeln!(text, "    const {value} *at[{}];", self.pointers);
        }
        let _ = write!(text, "{}", self.calls);
        let unused = program.steps.len() == 1 || !self.calls.contains("scratch");
        if unused {
            text.push_str("    (void)scratch;\n");
        }
        text.push_str("}\n");
        text
    }

    fn call<D: Dialect>(&mut self, dialect: &D, step: &Step, call: &Call, at: [usize; 2], name: &str) {
        let base = format!("{name}_{}_{}", at[0], at[1]);
        let first = step.first + call.start;
        let column = step.shape.channels;
        let size = [step.shape.height, step.shape.width];
        let changes = |parts: &[Part]| parts.iter().any(|part| !part.function.is_identity());
        let function = dialect.function(self, &base, at);
        let windows = |windows: &Windows| {
            format!(
                ".windows = {{.seen = {}, .size = {}, .kernel = {}, .stride = {}, .padding = {}, .dilation = {}}}",
                pair(step.seen),
                pair(size),
                pair(windows.kernel),
                pair(windows.stride),
                pair(windows.padding),
                pair(windows.dilation)
            )
        };
        let out = format!(".first = {first}, .column = {column}");
        let (kind, kernel, fields, rest) = match &call.kind {
            CallKind::Conv { windows: w, .. } => {
                self.kernels.extend([
                    "windows",
                    "conv",
                    "product_16",
                    "product_8",
                    "product_4",
                    "product_1",
                    "convolve",
                ]);
                let parts = call.parts();
                let text = self.parts(dialect, parts, &format!("{base}_parts"), [at[0], at[1], 0], false);
                self.constants(&text, 0);
                let plain = parts.len() == 1
                    && !changes(parts)
                    && parts[0].covers_size(step.seen)
                    && parts[0].channels == call.reads();
                let direct = plain && w.kernel == [1, 1] && w.padding == [0, 0];
                let rows = plain && w.dilation[1] == 1 && parts[0].column == call.reads();
                if !direct {
                    let taps = w.taps() * call.reads();
                    match size {
                        [1, 1] => self.of_call = self.of_call.max(taps),
                        _ => self.of_place = self.of_place.max(taps),
                    }
                }
                let fields = format!(
                    ".parts = {base}_parts, .count = {}, {}, .reads = {}, .writes = {}, {out},\n    .direct = {}, .rows = {}, {}",
                    parts.len(),
                    windows(w),
                    call.reads(),
                    call.channels,
                    u8::from(direct),
                    u8::from(rows),
                    dialect.weights(self, &base, at)
                );
                ("conv", "convolve", fields, "scratch")
            }
            CallKind::Depthwise { windows: w, .. } => {
                self.kernels.extend(["windows", "depthwise"]);
                let part = &call.parts()[0];
                self.pointers = self.pointers.max(2 * w.taps());
                if changes(call.parts()) {
                    self.of_call = self.of_call.max(w.taps() * part.channels);
                }
                let part = self.part(
                    dialect,
                    part,
                    &format!("{base}_part"),
                    [at[0], at[1], 0, 0],
                    false,
                );
                let weights = dialect.weights(self, &base, at);
                let fields = format!(".part = {part},\n    {}, {out}, {weights}", windows(w));
                ("depthwise", "convolve_depthwise", fields, "scratch, at")
            }
            CallKind::Pool { kind, windows: w } => {
                self.kernels.extend(["windows", "pool"]);
                let part = &call.parts()[0];
                self.pointers = self.pointers.max(w.taps());
                if changes(call.parts()) {
                    self.of_call = self.of_call.max(w.taps() * part.channels);
                }
                let beyond = !part.covers_size(step.seen);
                let part = self.part(
                    dialect,
                    part,
                    &format!("{base}_part"),
                    [at[0], at[1], 0, 0],
                    beyond,
                );
                let largest = u8::from(*kind == nas_space::network::PoolKind::Max);
                let fields = format!(".part = {part},\n    {}, {out}, .largest = {largest}", windows(w));
                ("pool", "pool", fields, "scratch, at")
            }
            CallKind::Mean => {
                self.kernels.extend(["mean"]);
                if changes(call.parts()) {
                    self.of_call = self.of_call.max(call.channels);
                }
                let part = self.part(
                    dialect,
                    &call.parts()[0],
                    &format!("{base}_part"),
                    [at[0], at[1], 0, 0],
                    false,
                );
                let fields = format!(
                    ".part = {part},\n    .seen = {}, .first = {first}",
                    pair(step.seen)
                );
                ("mean", "mean", fields, "scratch")
            }
            CallKind::Add => {
                self.kernels.extend(["add"]);
                self.pointers = self.pointers.max(call.inputs.len());
                if call.inputs.iter().any(|parts| changes(parts)) {
                    self.of_call = self.of_call.max(call.inputs.len() * call.channels);
                }
                let mut text = format!(
                    "static const struct part {base}_terms[{}] = {{\n",
                    call.inputs.len()
                );
                for (input, parts) in call.inputs.iter().enumerate() {
                    let place = [at[0], at[1], input, 0];
                    let part = self.part(dialect, &parts[0], &format!("{base}_{input}"), place, false);
                    let _ = writeln!(text, "    {part},");
                }
                text.push_str("};\n");
                self.constants(&text, 0);
                let more = dialect.terms(self, &base, at);
                let fields = format!(
                    ".terms = {base}_terms, .count = {}, .size = {}, {out}{more}",
                    call.inputs.len(),
                    pair(size)
                );
                ("add", "add", fields, "scratch, at")
            }
        };
        let text = format!(
            "static const struct {kind} {base} = {{\n    {fields},\n    .function = {{{function}}}\n}};\n"
        );
        self.constants(&text, 0);
        let _ = writeln!(self.calls, "    {kernel}(arena, &{base}, {rest});");
    }

    /// An array of parts.
    fn parts<D: Dialect>(
        &mut self,
        dialect: &D,
        parts: &[Part],
        name: &str,
        at: [usize; 3],
        beyond: bool,
    ) -> String {
        let mut text = format!("static const struct part {name}[{}] = {{\n", parts.len());
        for (number, part) in parts.iter().enumerate() {
            let place = [at[0], at[1], at[2], number];
            let part = self.part(dialect, part, &format!("{name}_{number}"), place, beyond);
            let _ = writeln!(text, "    {part},");
        }
        text.push_str("};\n");
        text
    }

    fn part<D: Dialect>(
        &mut self,
        dialect: &D,
        part: &Part,
        name: &str,
        place: [usize; 4],
        beyond: bool,
    ) -> String {
        let rest = dialect.part(self, name, part, PartAt { place, beyond });
        format!(
            "{{.first = {}, .row = {}, .column = {}, .top = {}, .left = {}, .height = {}, .width = {}, .channels = {}{rest}}}",
            part.first,
            part.row,
            part.column,
            part.origin[0],
            part.origin[1],
            part.size[0],
            part.size[1],
            part.channels
        )
    }
}

/// The name of a layer as a comment may hold it.
fn plain(name: &str) -> String {
    let letters = |c: char| {
        if c.is_ascii_alphanumeric() || "._- ".contains(c) {
            c
        } else {
            '_'
        }
    };
    name.chars().map(letters).collect()
}
