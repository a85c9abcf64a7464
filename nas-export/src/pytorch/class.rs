//! Python classes, each written once for all parts that differ only in numbers.

use std::fmt::Write as _;

use super::scope::quoted;

/// Columns of a line.
const WIDTH: usize = 100;

/// An argument of what makes a layer.
#[derive(Debug)]
pub(super) struct Argument {
    /// What it is called, where it becomes a parameter of the class around the layer.
    pub(super) name: &'static str,
    /// What it is where it is not given; nothing for one that stands without its name.
    pub(super) default: Option<&'static str>,
    /// What it is, in Python.
    pub(super) value: String,
}

/// What makes an attribute of a class.
#[derive(Debug)]
pub(super) enum Made {
    /// A layer of PyTorch's.
    Layer(&'static str, Vec<Argument>),
    /// An instance of a class: the values of all of its places.
    Instance(usize, Vec<String>),
    /// A `ModuleList`.
    List(Vec<(String, Made)>),
    /// A `ModuleDict`.
    Dict(Vec<(String, Made)>),
}

/// A class without its numbers.
#[derive(Debug, PartialEq)]
pub(super) struct Shape {
    /// Its name, as long as no other has it.
    pub(super) name: String,
    /// The lines of `__init__` before its modules.
    pub(super) setup: Vec<String>,
    /// What `forward` takes, beside itself.
    pub(super) inputs: Vec<String>,
    /// The lines of `forward`.
    pub(super) forward: Vec<String>,
}

/// A class with the numbers of each of its instances.
#[derive(Debug)]
struct Class {
    shape: Shape,
    name: String,
    /// Where its first instance is in the network.
    path: String,
    attributes: Vec<(String, Made)>,
    /// What `attributes` are, numbers apart.
    outline: String,
    /// For each instance, the value of each place.
    instances: Vec<Vec<String>>,
}

/// A parameter of a class.
#[derive(Debug)]
struct Parameter {
    name: String,
    /// The first place that it fills.
    place: usize,
}

/// All classes of a network, each after those it uses.
#[derive(Debug, Default)]
pub(super) struct Classes(Vec<Class>);

impl Made {
    /// The values of all places.
    fn values(&self) -> Vec<String> {
        match self {
            Self::Layer(_, arguments) => arguments.iter().map(|argument| argument.value.clone()).collect(),
            Self::Instance(_, values) => values.clone(),
            Self::List(parts) | Self::Dict(parts) => values(parts),
        }
    }

    /// What it is, numbers apart.
    fn outline(&self) -> String {
        match self {
            Self::Layer(callee, _) => (*callee).to_owned(),
            Self::Instance(class, _) => class.to_string(),
            Self::List(parts) | Self::Dict(parts) => outline(parts),
        }
    }
}

fn values(parts: &[(String, Made)]) -> Vec<String> {
    parts.iter().flat_map(|(_, made)| made.values()).collect()
}

fn outline(parts: &[(String, Made)]) -> String {
    let parts = parts
        .iter()
        .map(|(name, made)| format!("{name:?}: {}", made.outline()));
    format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
}

impl Class {
    /// The value of a place, where all instances have the same.
    fn constant(&self, place: usize) -> Option<&str> {
        let first = &self.instances[0][place];
        self.instances
            .iter()
            .all(|values| values[place] == *first)
            .then_some(first)
    }

    fn are_equal(&self, one: usize, other: usize) -> bool {
        self.instances.iter().all(|values| values[one] == values[other])
    }
}

impl Classes {
    /// An instance of a class of this shape, which is at this path in the network.
    pub(super) fn add(&mut self, shape: Shape, path: &str, attributes: Vec<(String, Made)>) -> Made {
        let (values, outline) = (values(&attributes), outline(&attributes));
        let known = |class: &Class| class.shape == shape && class.outline == outline;
        let index = match self.0.iter().position(known) {
            Some(index) => {
                self.0[index].instances.push(values.clone());
                index
            }
            None => {
                let others = self.0.iter().filter(|class| class.shape.name == shape.name);
                let name = match others.count() {
                    0 => shape.name.clone(),
                    others => format!("{}_{}", shape.name, others + 1),
                };
                self.0.push(Class {
                    shape,
                    name,
                    path: path.to_owned(),
                    attributes,
                    outline,
                    instances: vec![values.clone()],
                });
                self.0.len() - 1
            }
        };
        Made::Instance(index, values)
    }

    /// The parameters of a class: one for the places that differ from instance to instance in the
    /// same way. `known` are those of the classes before it.
    fn parameters(&self, class: &Class, known: &[Vec<Parameter>]) -> Vec<Parameter> {
        let mut places = Vec::new();
        let mut start = 0;
        for (attribute, made) in &class.attributes {
            named(attribute, made, known, &mut start, &mut places);
        }
        let mut parameters: Vec<Parameter> = Vec::new();
        for (place, name, attribute) in &places {
            let filled = |parameter: &Parameter| class.are_equal(parameter.place, *place);
            if class.constant(*place).is_some() || parameters.iter().any(filled) {
                continue;
            }
            let is_channels = |(other, name, _): &(usize, String, String)| {
                name == "channels" && class.are_equal(*other, *place)
            };
            let name = if places.iter().any(is_channels) {
                "channels"
            } else {
                name
            };
            let mut unused = name.to_owned();
            let mut number = 1;
            while parameters.iter().any(|parameter| parameter.name == unused) {
                unused = match number {
                    1 => format!("{attribute}_{name}"),
                    _ => format!("{attribute}_{name}_{number}"),
                };
                number += 1;
            }
            parameters.push(Parameter {
                name: unused,
                place: *place,
            });
        }
        parameters
    }

    /// The text of all classes.
    pub(super) fn text(&self) -> String {
        let mut parameters: Vec<Vec<Parameter>> = Vec::new();
        let mut text = String::new();
        for class in &self.0 {
            let own = self.parameters(class, &parameters);
            parameters.push(own);
            let writer = Writer {
                classes: self,
                parameters: &parameters,
                class,
            };
            text += &writer.text();
        }
        text
    }
}

/// The layers that are written, each with its call and its attribute.
fn named(
    attribute: &str,
    made: &Made,
    known: &[Vec<Parameter>],
    start: &mut usize,
    places: &mut Vec<(usize, String, String)>,
) {
    match made {
        Made::Layer(_, arguments) => {
            let arguments = arguments.iter().enumerate();
            places.extend(
                arguments.map(|(offset, argument)| {
                    (*start + offset, argument.name.to_owned(), attribute.to_owned())
                }),
            );
            *start += made.values().len();
        }
        Made::Instance(class, values) => {
            let parameters = known[*class].iter();
            places.extend(parameters.map(|parameter| {
                (
                    *start + parameter.place,
                    parameter.name.clone(),
                    attribute.to_owned(),
                )
            }));
            *start += values.len();
        }
        Made::List(parts) | Made::Dict(parts) => {
            for (_, part) in parts {
                named(attribute, part, known, start, places);
            }
        }
    }
}

/// Writes a class.
struct Writer<'a> {
    classes: &'a Classes,
    /// Of this class and of those before it.
    parameters: &'a [Vec<Parameter>],
    class: &'a Class,
}

impl Writer<'_> {
    fn text(&self) -> String {
        let Class { name, path, .. } = self.class;
        let own = self.parameters.last().map(Vec::as_slice).unwrap_or_default();
        let own: String = own
            .iter()
            .map(|parameter| format!(", {}", parameter.name))
            .collect();
        let inputs: String = self
            .class
            .shape
            .inputs
            .iter()
            .map(|input| format!(", {input}"))
            .collect();
        let mut text = format!("\n\nclass {name}(nn.Module):\n");
        let others = match self.class.instances.len() {
            1 => String::new(),
            instances => format!(" and {} more", instances - 1),
        };
        if !path.is_empty() {
            let _ = writeln!(text, "    \"\"{}\"\"\n", quoted(&format!("{path}{others}.")));
        }
        let _ = writeln!(text, "    def __init__(self{own}):\n        super().__init__()");
        for line in &self.class.shape.setup {
            let _ = writeln!(text, "        {line}");
        }
        let mut start = 0;
        for (name, made) in &self.class.attributes {
            let made = self.made(made, &mut start, 8);
            let _ = writeln!(text, "        self.{name} = {made}");
        }
        let _ = writeln!(text, "\n    def forward(self{inputs}):");
        for line in &self.class.shape.forward {
            let _ = writeln!(text, "        {line}");
        }
        text
    }

    /// The value of a place, or the parameter that fills it.
    fn at(&self, place: usize) -> &str {
        let own = self.parameters.last().map(Vec::as_slice).unwrap_or_default();
        let filling = own
            .iter()
            .find(|parameter| self.class.are_equal(parameter.place, place));
        match (self.class.constant(place), filling) {
            (None, Some(parameter)) => &parameter.name,
            _ => &self.class.instances[0][place],
        }
    }

    fn made(&self, made: &Made, start: &mut usize, indent: usize) -> String {
        let first = *start;
        match made {
            Made::Layer(callee, arguments) => {
                *start += arguments.len();
                let written = arguments.iter().zip(first..).filter_map(|(argument, place)| {
                    let value = self.at(place);
                    match argument.default {
                        None => Some(value.to_owned()),
                        Some(default) if default == value => None,
                        Some(_) => Some(format!("{}={value}", argument.name)),
                    }
                });
                format!("{callee}({})", written.collect::<Vec<_>>().join(", "))
            }
            Made::Instance(class, values) => {
                *start += values.len();
                let parameters = self.parameters[*class].iter();
                let written =
                    parameters.map(|Parameter { name, place }| format!("{name}={}", self.at(first + place)));
                call(&self.classes.0[*class].name, &written.collect::<Vec<_>>(), indent)
            }
            Made::List(parts) => {
                let parts = parts.iter().map(|(_, part)| self.made(part, start, indent + 4));
                wrapped("nn.ModuleList([", parts.collect(), "])", indent)
            }
            Made::Dict(parts) => {
                let parts = parts
                    .iter()
                    .map(|(name, part)| format!("{}: {}", quoted(name), self.made(part, start, indent + 4)));
                wrapped("nn.ModuleDict({", parts.collect(), "})", indent)
            }
        }
    }
}

/// A call, on several lines where one is too short.
fn call(callee: &str, arguments: &[String], indent: usize) -> String {
    let line = format!("{callee}({})", arguments.join(", "));
    // The name of the attribute is in front of it.
    if indent + line.len() + 20 <= WIDTH {
        return line;
    }
    wrapped(&format!("{callee}("), arguments.to_vec(), ")", indent)
}

/// One part a line; a single short one on the same.
#[expect(clippy::needless_pass_by_value, reason = "the parts were made for it")]
fn wrapped(before: &str, parts: Vec<String>, after: &str, indent: usize) -> String {
    if let [part] = parts.as_slice()
        && !part.contains('\n')
    {
        return format!("{before}{part}{after}");
    }
    let space = " ".repeat(indent);
    let parts: String = parts.iter().map(|part| format!("{space}    {part},\n")).collect();
    format!("{before}\n{parts}{space}{after}")
}

#[cfg(test)]
impl Classes {
    /// The names of all parameters and statistics of the last class.
    pub(super) fn parameters_of_last(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (attribute, made) in self.0.last().map(|class| &class.attributes).into_iter().flatten() {
            self.name_parameters(attribute, made, &mut names);
        }
        names
    }

    fn name_parameters(&self, name: &str, made: &Made, names: &mut Vec<String>) {
        let parts = match made {
            Made::Layer(callee, arguments) => {
                let lacks = |what: &str| arguments.iter().any(|a| a.name == what && a.value == "False");
                let suffixes: &[&str] = match *callee {
                    "nn.Conv2d" if lacks("bias") => &["weight"],
                    "nn.Conv2d" | "nn.Linear" => &["weight", "bias"],
                    "BatchNorm" if lacks("affine") => &["running_mean", "running_var"],
                    "BatchNorm" => &["weight", "bias", "running_mean", "running_var"],
                    _ => &[],
                };
                names.extend(suffixes.iter().map(|suffix| format!("{name}.{suffix}")));
                return;
            }
            Made::Instance(class, _) => &self.0[*class].attributes,
            Made::List(parts) | Made::Dict(parts) => parts,
        };
        for (part, made) in parts {
            self.name_parameters(&format!("{name}.{part}"), made, names);
        }
    }
}
