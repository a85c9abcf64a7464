//! Colours of operations, by family.

/// Colours of an operation's box and of the line from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint {
    /// Behind the text: pale.
    pub(super) fill: &'static str,
    /// Outline and line.
    pub(super) line: &'static str,
    /// The text: dark enough to read on `fill`.
    pub(super) text: &'static str,
    /// Whether outline and line are dashed: for what computes nothing.
    pub(super) dashed: bool,
}

/// The colours of this operation: those of its family, which its name begins with.
pub(super) fn paint(operation: &str) -> Paint {
    let solid = |fill, line, text| Paint {
        fill,
        line,
        text,
        dashed: false,
    };
    let families = [
        ("sep_conv", solid("#e3eefc", "#3b7dd8", "#1d4f94")),
        ("dil_", solid("#ede6fb", "#7f56d9", "#53359a")),
        ("nor_conv", solid("#dff3f4", "#1993a0", "#0d5f68")),
        ("conv", solid("#dff3f4", "#1993a0", "#0d5f68")),
        ("dw_conv", solid("#e3e6fc", "#4c5bd4", "#333f9c")),
        ("max_pool", solid("#fdeadd", "#dd6b20", "#93420e")),
        ("maxpool", solid("#fdeadd", "#dd6b20", "#93420e")),
        ("avg_pool", solid("#fdf3d3", "#c79100", "#7a5900")),
    ];
    match operation {
        "none" => Paint {
            dashed: true,
            ..solid("#ffffff", "#b8bfca", "#7b8494")
        },
        "skip_connect" => solid("#e6f4e8", "#3f9b52", "#256634"),
        _ => families
            .into_iter()
            .find(|(prefix, _)| operation.starts_with(prefix))
            .map_or(solid("#f9e4f0", "#c2418c", "#86245d"), |(_, paint)| paint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Operations;

    #[test]
    fn families_of_the_standard_vocabulary_have_colours_of_their_own() {
        let unknown = paint("of_ones_own");
        for name in Operations::standard().names() {
            assert_ne!(paint(name), unknown, "{name}");
        }
        assert_ne!(paint("max_pool_3x3"), paint("avg_pool_3x3"));
        assert_eq!(paint("sep_conv_3x3"), paint("sep_conv_7x7"));
    }
}
