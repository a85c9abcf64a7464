//! How C computes in integers.

use std::fmt::Write as _;

use super::quantize::Quantized;
use super::rescale::Rescale;
use crate::c::call::CallKind;
use crate::c::code::{Code, Dialect, PartAt};
use crate::c::program::Program;
use crate::c::single::Place;
use crate::c::text::array;
use crate::c::view::Part;

const PRODUCT: &str = include_str!("../kernels/int8/product.c");

/// A program and its integers.
#[derive(Debug)]
pub(in crate::c) struct Integers<'a> {
    pub(in crate::c) program: &'a Program,
    pub(in crate::c) integers: &'a Quantized,
}

/// The fields of what a sum goes through.
fn fields(code: &mut Code, name: &str, rescale: &Rescale) -> String {
    let factors = array("int32_t", &format!("{name}_factor"), rescale.factors.iter());
    code.constants(&factors, 4 * rescale.factors.len());
    let mut fields = format!(
        ".factor = {name}_factor, .single = {}, .shift = {}, .zero = {}, .low = {}, .before = {}",
        u8::from(rescale.factors.len() == 1),
        rescale.shift,
        rescale.zero,
        rescale.low,
        u8::from(rescale.before)
    );
    if !rescale.offsets.is_empty() {
        // Numbers of 64 bits are written without a suffix: C takes the type that they need.
        let offsets = array("int64_t", &format!("{name}_offset"), rescale.offsets.iter());
        code.constants(&offsets, 8 * rescale.offsets.len());
        let _ = write!(fields, ", .offset = {name}_offset");
    }
    fields
}

impl Dialect for Integers<'_> {
    const VALUE: &'static str = "int8_t";
    const KERNELS: &'static [(&'static str, &'static str)] = &[
        ("requantize", include_str!("../kernels/int8/requantize.c")),
        ("values", include_str!("../kernels/int8/values.c")),
        ("image", include_str!("../kernels/int8/image.c")),
        ("windows", include_str!("../kernels/windows.c")),
        ("conv", include_str!("../kernels/int8/conv.c")),
        ("product_16", PRODUCT),
        ("product_8", PRODUCT),
        ("product_4", PRODUCT),
        ("product_1", PRODUCT),
        ("convolve", include_str!("../kernels/int8/convolve.c")),
        ("depthwise", include_str!("../kernels/int8/depthwise.c")),
        ("pool", include_str!("../kernels/int8/pool.c")),
        ("mean", include_str!("../kernels/int8/mean.c")),
        ("add", include_str!("../kernels/int8/add.c")),
        ("scores", include_str!("../kernels/int8/scores.c")),
    ];

    fn image(&self, code: &mut Code, name: &str) -> String {
        for (what, place) in [("factor", 0), ("offset", 1)] {
            let numbers = self.integers.pixels.iter().map(|pixel| pixel[place]);
            let text = array("int64_t", &format!("{name}_{what}"), numbers);
            code.constants(&text, 8 * self.integers.pixels.len());
        }
        let shape = self.program.image();
        format!(
            "    normalize(image, {}, {}, {name}_factor, {name}_offset, arena + {});",
            shape.height * shape.width,
            shape.channels,
            self.program.steps[0].first
        )
    }

    fn function(&self, code: &mut Code, name: &str, [step, call]: [usize; 2]) -> String {
        fields(code, name, &self.integers.calls[step][call].rescale)
    }

    fn part(&self, code: &mut Code, name: &str, part: &Part, at: PartAt) -> String {
        let [step, call, input, place] = at.place;
        let at_place = Place {
            step,
            call,
            input,
            part: place,
        };
        let scale = self.integers.of_part(part, Some(at_place));
        let mut text = format!(", .zero = {}", scale.zero);
        if at.beyond || !part.ends_in_zeros() {
            let border = part.border.iter().map(|&value| scale.quantize(value));
            code.constants(&array("int8_t", &format!("{name}_border"), border), part.channels);
            let _ = write!(text, ", .border = {name}_border");
        }
        match (part.step, self.integers.reads.get(&at_place)) {
            (Some(step), Some((_, rescale))) => {
                let function = fields(code, name, rescale);
                let origin = self.integers.maps[step].zero;
                let _ = write!(
                    text,
                    ", .origin = {origin}, .changes = 2, .function = {{{function}}}"
                );
            }
            (Some(_), None) if part.function.before || part.function.after => {
                text.push_str(", .changes = 1");
            }
            _ => {}
        }
        text
    }

    fn weights(&self, code: &mut Code, name: &str, [step, call]: [usize; 2]) -> String {
        let integers = &self.integers.calls[step][call];
        let convolves = matches!(
            self.program.steps[step].calls[call].kind,
            CallKind::Conv { .. } | CallKind::Depthwise { .. }
        );
        if !convolves {
            return String::new();
        }
        let weight = array("int8_t", &format!("{name}_weight"), integers.weight.iter());
        code.constants(&weight, integers.weight.len());
        let bias = array("int32_t", &format!("{name}_bias"), integers.bias.iter());
        code.constants(&bias, 4 * integers.bias.len());
        format!(".weight = {name}_weight, .bias = {name}_bias")
    }

    fn terms(&self, code: &mut Code, name: &str, [step, call]: [usize; 2]) -> String {
        let factors = &self.integers.calls[step][call].bias;
        let text = array("int32_t", &format!("{name}_terms_factor"), factors.iter());
        code.constants(&text, 4 * factors.len());
        format!(", .factors = {name}_terms_factor")
    }
}
