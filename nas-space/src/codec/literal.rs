//! Values as Python prints them, and JSON.

use super::scanner::Scanner;
use crate::error::SpaceError;

/// A value, and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Literal {
    pub(super) at: usize,
    pub(super) value: Value,
}

/// The forms of a literal. No reader distinguishes lists from tuples.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `None` or `null`.
    Nothing,
    /// A whole number.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// A text in quotes, or a bare name.
    Text(String),
    /// The elements of a list or a tuple.
    List(Vec<Literal>),
    /// A dictionary, or a call with named arguments.
    Fields(Fields),
}

/// What stands between the brackets of a dictionary or a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields {
    /// The name of what is called, without its module; of a dictionary `dict`.
    pub(super) name: String,
    /// Arguments without names.
    pub(super) positional: Vec<Literal>,
    /// Those with names, each with where it begins.
    pub(super) named: Vec<(usize, String, Literal)>,
}

/// Brackets within each other.
const DEEPEST: usize = 12;

/// Calls whose value is that of their first argument.
const WRAPPERS: [&str; 26] = [
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "int_",
    "intc",
    "intp",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float",
    "float16",
    "float32",
    "float64",
    "float_",
    "bfloat16",
    "str",
    "str_",
    "list",
    "tuple",
    "array",
    "tensor",
    "Parameter",
    "LongTensor",
];

/// Reads one value. What follows it is left to the caller.
pub(super) fn literal(scanner: &mut Scanner<'_>) -> Result<Literal, SpaceError> {
    value(scanner, DEEPEST)
}

/// White space, comments, and backslashes at the ends of lines.
pub(super) fn blank(scanner: &mut Scanner<'_>) {
    loop {
        let before = scanner.position();
        scanner.space();
        if scanner.eat("#") {
            scanner.take_while(|c| c != '\n');
        }
        let _ = scanner.eat("\\\n")
            || scanner.eat("\\\r\n")
            || scanner.eat("\u{feff}")
            || scanner.eat("\u{200b}");
        if scanner.position() == before {
            return;
        }
    }
}

fn value(scanner: &mut Scanner<'_>, depth: usize) -> Result<Literal, SpaceError> {
    blank(scanner);
    let at = scanner.position();
    let Some(deeper) = depth.checked_sub(1) else {
        return Err(scanner.error(&format!("at most {DEEPEST} brackets within each other")));
    };
    let value = match scanner.peek() {
        Some('[') => Value::List(elements(scanner, "[", "]", deeper)?.0),
        Some('(') => {
            let (mut elements, trailing) = elements(scanner, "(", ")", deeper)?;
            // Brackets around one value are no tuple.
            match elements.pop() {
                Some(only) if elements.is_empty() && !trailing => only.value,
                last => {
                    elements.extend(last);
                    Value::List(elements)
                }
            }
        }
        Some('{') => Value::Fields(dictionary(scanner, deeper)?),
        Some('\'' | '"') => Value::Text(text(scanner)?),
        Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => number(scanner)?,
        Some(c) if c.is_ascii_alphabetic() || c == '_' => {
            let name = scanner.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
            // The letter before a string in Python.
            if matches!(name, "u" | "b" | "r") && matches!(scanner.peek(), Some('\'' | '"')) {
                Value::Text(text(scanner)?)
            } else {
                named(scanner, name, deeper)?
            }
        }
        _ => return Err(scanner.error("a value")),
    };
    Ok(Literal { at, value })
}

/// A bare name, or a call.
fn named(scanner: &mut Scanner<'_>, name: &str, depth: usize) -> Result<Value, SpaceError> {
    let after = scanner.position();
    blank(scanner);
    if scanner.peek() != Some('(') {
        scanner.back_to(after);
        return Ok(match name {
            "None" | "null" => Value::Nothing,
            name => Value::Text(name.to_owned()),
        });
    }
    let name = name.rsplit('.').next().unwrap_or(name);
    let at = scanner.position();
    let fields = call(scanner, name, depth)?;
    match name {
        "range" => range(scanner, at, &fields),
        "dict" | "OrderedDict" => entries(scanner, fields).map(Value::Fields),
        name if WRAPPERS.contains(&name) => match fields.positional.into_iter().next() {
            Some(first) => Ok(first.value),
            None => Ok(Value::List(Vec::new())),
        },
        _ => Ok(Value::Fields(fields)),
    }
}

/// The numbers of `range(end)`, `range(first, end)` or `range(first, end, step)`.
fn range(scanner: &Scanner<'_>, at: usize, fields: &Fields) -> Result<Value, SpaceError> {
    let limit = Scanner::MOST_STATES as i64 + 1;
    let bound = |literal: &Literal| match literal.value {
        Value::Integer(number) if (0..=limit).contains(&number) => Ok(number),
        _ => Err(scanner.error_at(literal.at, "the number of a state")),
    };
    let bounds: Vec<i64> = fields.positional.iter().map(bound).collect::<Result<_, _>>()?;
    let (first, end, step) = match *bounds.as_slice() {
        [end] => (0, end, 1),
        [first, end] => (first, end, 1),
        [first, end, step] if step > 0 => (first, end, step),
        _ => return Err(scanner.error_at(at, "(first, end) of the range")),
    };
    let numbers = (first..end).step_by(usize::try_from(step).unwrap_or(1));
    Ok(Value::List(
        numbers
            .map(|number| Literal {
                at,
                value: Value::Integer(number),
            })
            .collect(),
    ))
}

/// The arguments of a call.
fn call(scanner: &mut Scanner<'_>, name: &str, depth: usize) -> Result<Fields, SpaceError> {
    let mut fields = Fields {
        name: name.to_owned(),
        positional: Vec::new(),
        named: Vec::new(),
    };
    scanner.expect("(")?;
    loop {
        blank(scanner);
        if scanner.eat(")") {
            return Ok(fields);
        }
        let at = scanner.position();
        let key = scanner.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        blank(scanner);
        if !key.is_empty() && scanner.eat("=") {
            let argument = value(scanner, depth)?;
            fields.named.push((at, key.to_owned(), argument));
        } else {
            scanner.back_to(at);
            fields.positional.push(value(scanner, depth)?);
        }
        if !comma(scanner, ")")? {
            return Ok(fields);
        }
    }
}

/// A dictionary in braces.
fn dictionary(scanner: &mut Scanner<'_>, depth: usize) -> Result<Fields, SpaceError> {
    let mut fields = Fields {
        name: "dict".to_owned(),
        positional: Vec::new(),
        named: Vec::new(),
    };
    scanner.expect("{")?;
    loop {
        blank(scanner);
        if scanner.eat("}") {
            return Ok(fields);
        }
        let at = scanner.position();
        let key = match value(scanner, depth)?.value {
            Value::Text(key) => key,
            Value::Integer(key) => key.to_string(),
            _ => return Err(scanner.error_at(at, "the name of a field")),
        };
        blank(scanner);
        scanner.expect(":")?;
        let argument = value(scanner, depth)?;
        fields.named.push((at, key, argument));
        if !comma(scanner, "}")? {
            return Ok(fields);
        }
    }
}

/// What `dict(…)` or `OrderedDict([(key, value), …])` holds.
fn entries(scanner: &Scanner<'_>, fields: Fields) -> Result<Fields, SpaceError> {
    let mut all = Fields {
        name: "dict".to_owned(),
        positional: Vec::new(),
        named: fields.named,
    };
    for argument in fields.positional {
        match argument.value {
            Value::Fields(inner) => all.named.extend(inner.named),
            Value::List(pairs) => {
                for pair in pairs {
                    let Value::List(two) = pair.value else {
                        return Err(scanner.error_at(pair.at, "a pair of a name and a value"));
                    };
                    let mut two = two.into_iter();
                    match (two.next().map(|key| key.value), two.next(), two.next()) {
                        (Some(Value::Text(key)), Some(value), None) => all.named.push((pair.at, key, value)),
                        _ => return Err(scanner.error_at(pair.at, "a pair of a name and a value")),
                    }
                }
            }
            _ => return Err(scanner.error_at(argument.at, "a dictionary")),
        }
    }
    Ok(all)
}

/// Elements between brackets, and whether a comma trails them.
fn elements(
    scanner: &mut Scanner<'_>,
    open: &str,
    close: &str,
    depth: usize,
) -> Result<(Vec<Literal>, bool), SpaceError> {
    scanner.expect(open)?;
    let mut elements = Vec::new();
    loop {
        blank(scanner);
        if scanner.eat(close) {
            return Ok((elements, true));
        }
        elements.push(value(scanner, depth)?);
        if !comma(scanner, close)? {
            return Ok((elements, false));
        }
    }
}

/// Passes over a comma, or over the closing bracket: whether there may be more.
fn comma(scanner: &mut Scanner<'_>, close: &str) -> Result<bool, SpaceError> {
    blank(scanner);
    if scanner.eat(",") {
        return Ok(true);
    }
    if scanner.eat(close) {
        return Ok(false);
    }
    Err(scanner.error(&format!("',' or '{close}'")))
}

/// A text in quotes of either kind.
fn text(scanner: &mut Scanner<'_>) -> Result<String, SpaceError> {
    let at = scanner.position();
    let quote = if scanner.eat("'") { '\'' } else { '"' };
    if quote == '"' {
        scanner.expect("\"")?;
    }
    let mut text = String::new();
    loop {
        text.push_str(scanner.take_while(|c| c != quote && c != '\\' && c != '\n'));
        match scanner.next_char() {
            Some('\\') => match scanner.next_char() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('/') => text.push('/'),
                Some(c @ ('\\' | '\'' | '"')) => text.push(c),
                Some(c) => text.extend(['\\', c]),
                None => return Err(scanner.error(&format!("{quote}"))),
            },
            Some(c) if c == quote => return Ok(text),
            Some(_) => {
                return Err(scanner.error_at(at, &format!("a text that ends with {quote} on its line")));
            }
            None => return Err(scanner.error(&format!("{quote}"))),
        }
    }
}

fn number(scanner: &mut Scanner<'_>) -> Result<Value, SpaceError> {
    let start = scanner.position();
    let sign = if scanner.eat("-") { "-" } else { "" };
    if sign.is_empty() {
        scanner.eat("+");
    }
    let digits = scanner.take_while(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '_' | '-' | '+'));
    let written = format!("{sign}{digits}");
    let number = written
        .parse()
        .map(Value::Integer)
        .ok()
        .or_else(|| written.parse().map(Value::Real).ok());
    match number {
        Some(Value::Real(real)) if !real.is_finite() => Err(scanner.error_at(start, "a number")),
        Some(number) => Ok(number),
        None => Err(scanner.error_at(start, "a number")),
    }
}
