//! How C computes in 32-bit numbers.

use crate::c::call::CallKind;
use crate::c::code::{Code, Dialect, PartAt};
use crate::c::function::Function;
use crate::c::program::Program;
use crate::c::text::{array, float};
use crate::c::view::Part;

const PRODUCT: &str = include_str!("../kernels/f32/product.c");

/// The numbers of a program.
#[derive(Debug)]
pub(in crate::c) struct Single<'a>(pub(in crate::c) &'a Program);

impl Single<'_> {
    /// Adds an array of numbers and returns its name.
    fn numbers(code: &mut Code, name: String, numbers: impl ExactSizeIterator<Item = f32>) -> String {
        let bytes = 4 * numbers.len();
        code.constants(&array("float", &name, numbers.map(float)), bytes);
        name
    }

    /// The fields of a function.
    fn fields(code: &mut Code, name: &str, function: &Function) -> String {
        let mut fields = format!(
            ".before = {}, .after = {}",
            u8::from(function.before),
            u8::from(function.after)
        );
        if let Some(line) = &function.line {
            for (what, place) in [("scale", 0), ("shift", 1)] {
                let numbers = line.iter().map(|line| line[place]);
                let name = Self::numbers(code, format!("{name}_{what}"), numbers);
                fields.push_str(&format!(", .{what} = {name}"));
            }
        }
        fields
    }
}

impl Dialect for Single<'_> {
    const VALUE: &'static str = "float";
    const KERNELS: &'static [(&'static str, &'static str)] = &[
        ("values", include_str!("../kernels/f32/values.c")),
        ("image", include_str!("../kernels/f32/image.c")),
        ("windows", include_str!("../kernels/windows.c")),
        ("conv", include_str!("../kernels/f32/conv.c")),
        ("product_16", PRODUCT),
        ("product_8", PRODUCT),
        ("product_4", PRODUCT),
        ("product_1", PRODUCT),
        ("convolve", include_str!("../kernels/f32/convolve.c")),
        ("depthwise", include_str!("../kernels/f32/depthwise.c")),
        ("pool", include_str!("../kernels/f32/pool.c")),
        ("mean", include_str!("../kernels/f32/mean.c")),
        ("add", include_str!("../kernels/f32/add.c")),
        ("scores", include_str!("../kernels/f32/scores.c")),
    ];

    fn image(&self, code: &mut Code, name: &str) -> String {
        for (what, place) in [("scale", 0), ("shift", 1)] {
            let numbers = self.0.pixels.iter().map(|pixel| pixel[place] as f32);
            Self::numbers(code, format!("{name}_{what}"), numbers);
        }
        let shape = self.0.image();
        format!(
            "    normalize(image, {}, {}, {name}_scale, {name}_shift, arena + {});",
            shape.height * shape.width,
            shape.channels,
            self.0.steps[0].first
        )
    }

    fn function(&self, code: &mut Code, name: &str, [step, call]: [usize; 2]) -> String {
        Self::fields(code, name, &self.0.steps[step].calls[call].function)
    }

    fn part(&self, code: &mut Code, name: &str, part: &Part, at: PartAt) -> String {
        let mut fields = String::new();
        let covers = part.origin == [0, 0] && !at.beyond && part.ends_in_zeros();
        if at.beyond || !covers && !part.ends_in_zeros() {
            let border = Self::numbers(code, format!("{name}_border"), part.border.iter().copied());
            fields.push_str(&format!(", .border = {border}"));
        }
        if !part.function.is_identity() {
            let function = Self::fields(code, name, &part.function);
            fields.push_str(&format!(", .changes = 1, .function = {{{function}}}"));
        }
        fields
    }

    fn weights(&self, code: &mut Code, name: &str, [step, call]: [usize; 2]) -> String {
        let mut fields = String::new();
        if let CallKind::Conv { weight, bias, .. } | CallKind::Depthwise { weight, bias, .. } =
            &self.0.steps[step].calls[call].kind
        {
            for (what, numbers) in [("weight", weight), ("bias", bias)] {
                let name = Self::numbers(code, format!("{name}_{what}"), numbers.iter().copied());
                fields.push_str(&format!(".{what} = {name}, "));
            }
        }
        fields.trim_end_matches(", ").to_owned()
    }

    fn terms(&self, _: &mut Code, _: &str, _: [usize; 2]) -> String {
        String::new()
    }
}
