//! The layers of a network as the tree that their names are.

use nas_space::network::{LayerKind, Network};

use crate::error::ExportError;

/// Names that an attribute of a `torch.nn.Module` or `ModuleDict` has already.
const TAKEN: &str = "T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu cuda \
    double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter \
    get_submodule half ipu items keys load_state_dict modules mtia named_buffers named_children \
    named_modules named_parameters parameters pop register_backward_hook register_buffer \
    register_forward_hook register_forward_pre_hook register_full_backward_hook \
    register_full_backward_pre_hook register_load_state_dict_post_hook \
    register_load_state_dict_pre_hook register_module register_parameter \
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state \
    set_submodule share_memory state_dict to to_empty train training type update values xpu zero_grad";

/// Words that cannot be names in Python.
const KEYWORDS: &str = "False None True and as assert async await break class continue def del elif \
    else except finally for from global if import in is lambda nonlocal not or pass raise return try \
    while with yield";

/// The layers below a name.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The layers and scopes in it by their own names, in the order of the network.
    pub(super) children: Vec<(String, Node)>,
}

/// What a name stands for.
#[derive(Debug)]
pub(super) enum Node {
    /// The layer at this place in the network.
    Layer(usize),
    /// Others.
    Scope(Scope),
}

/// Whether a layer becomes a module, which has parameters or differs in training, rather than an
/// expression.
pub(super) fn is_module(kind: &LayerKind) -> bool {
    matches!(
        kind,
        LayerKind::Conv2d(_)
            | LayerKind::BatchNorm { .. }
            | LayerKind::Linear { .. }
            | LayerKind::DropPath
            | LayerKind::Dropout { .. }
    )
}

pub(super) fn is_keyword(name: &str) -> bool {
    KEYWORDS.split_whitespace().any(|word| word == name)
}

/// Whether a name can stand behind `self.`.
pub(super) fn is_plain(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(letters) && !is_keyword(name)
}

/// Whether a name is a number.
pub(super) fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Text as a literal of Python: JSON's are.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

impl Scope {
    /// All layers but the image.
    pub(super) fn of(network: &Network) -> Result<Self, ExportError> {
        let mut root = Self::default();
        for (index, layer) in network.layers().iter().enumerate().skip(1) {
            let refuse = |expected: &str| ExportError::Mismatch {
                what: "the name of a layer",
                got: layer.name.clone(),
                expected: expected.to_owned(),
            };
            let taken = |part: &str| TAKEN.split_whitespace().any(|name| name == part);
            if is_module(&layer.kind) && layer.name.split('.').any(taken) {
                return Err(refuse(
                    "no part that is the name of an attribute of torch.nn.Module",
                ));
            }
            if !is_plain(layer.name.split('.').next().unwrap_or_default()) {
                return Err(refuse(
                    "letters, digits and _ up to the first dot, no word of Python",
                ));
            }
            root.add(&layer.name, index).ok_or_else(|| {
                refuse("a name that neither begins with that of another layer nor is one's beginning")
            })?;
        }
        Ok(root)
    }

    /// Adds a layer; nothing where its name stands for another one.
    fn add(&mut self, name: &str, index: usize) -> Option<()> {
        let (first, rest) = match name.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (name, None),
        };
        let place = self.children.iter().position(|(name, _)| name == first);
        match (rest, place.map(|place| &mut self.children[place].1)) {
            (None, None) => self.children.push((first.to_owned(), Node::Layer(index))),
            (Some(rest), Some(Node::Scope(scope))) => scope.add(rest, index)?,
            (Some(rest), None) => {
                let mut scope = Self::default();
                scope.add(rest, index)?;
                self.children.push((first.to_owned(), Node::Scope(scope)));
            }
            _ => return None,
        }
        Some(())
    }

    /// The places of all layers in it.
    pub(super) fn layers(&self) -> Vec<usize> {
        let layers = self.children.iter().flat_map(|(_, node)| match node {
            Node::Layer(index) => vec![*index],
            Node::Scope(scope) => scope.layers(),
        });
        layers.collect()
    }
}
