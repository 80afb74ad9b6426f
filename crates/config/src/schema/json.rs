//! The table as a JSON Schema, for the JSON spelling of a configuration.

use serde_json::{Map, Value, json};

use super::{ArgSpec, Choice, Count, Kind, NodeSpec, PropSpec, ROOT, Support};

/// The JSON Schema (draft 2020-12) of a configuration written as JSON.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("Weir configuration"));
    schema.extend(object(&ROOT));
    Value::Object(schema)
}

/// What may stand under a node's name.
fn node(spec: &NodeSpec) -> Value {
    let one = forms(spec);
    let mut schema = Map::new();
    schema.insert("description".into(), json!(spec.doc));
    let mut any = one.clone();
    if spec.repeats {
        any.push(json!({ "type": "array", "items": { "anyOf": one } }));
    }
    schema.insert("anyOf".into(), Value::Array(any));
    Value::Object(schema)
}

/// One node: its only argument, all its arguments, or an object with everything.
fn forms(spec: &NodeSpec) -> Vec<Value> {
    let mut forms = Vec::new();
    if let [only] = spec.args {
        forms.push(kind(&only.kind));
    }
    if spec.args.len() > 1 || spec.args.iter().any(|arg| is_many(arg.count)) {
        forms.push(list(spec.args));
    }
    let required = spec.args.iter().any(|arg| is_required(arg.count));
    if spec.args.is_empty() {
        forms.push(json!({ "const": true }));
    }
    let mut whole = object(spec);
    if let Some(Value::Object(properties)) = whole.get_mut("properties")
        && !spec.args.is_empty()
    {
        let args = match spec.args {
            [only] => json!({ "anyOf": [kind(&only.kind), list(spec.args)] }),
            many => list(many),
        };
        properties.insert("_".into(), args);
    }
    if required {
        whole.insert("required".into(), json!(["_"]));
    }
    forms.push(Value::Object(whole));
    forms
}

/// Properties and nodes of a block. What is not supported yet is left out.
fn object(spec: &NodeSpec) -> Map<String, Value> {
    let mut properties = Map::new();
    for prop in spec.props.iter().filter(|prop| prop.support == Support::Built) {
        properties.insert(prop.name.into(), property(prop));
    }
    for child in spec.children.iter().filter(|child| child.support == Support::Built) {
        properties.insert(child.name.into(), node(child));
    }
    let mut schema = Map::new();
    schema.insert("type".into(), json!("object"));
    schema.insert("properties".into(), Value::Object(properties));
    schema.insert("additionalProperties".into(), json!(false));
    schema
}

fn property(prop: &PropSpec) -> Value {
    let value = kind(&prop.kind);
    let mut schema = match value {
        Value::Object(schema) if !prop.list => schema,
        one => {
            let mut list = Map::new();
            list.insert("anyOf".into(), json!([one, { "type": "array", "items": one }]));
            list
        }
    };
    let default =
        if prop.default.is_empty() { String::new() } else { format!("; default {}", prop.default) };
    schema.insert("description".into(), json!(format!("{}{default}", prop.doc)));
    Value::Object(schema)
}

fn list(args: &[ArgSpec]) -> Value {
    let most = if args.iter().any(|arg| is_many(arg.count)) { None } else { Some(args.len()) };
    let least = args.iter().filter(|arg| is_required(arg.count)).count();
    let mut schema = Map::new();
    schema.insert("type".into(), json!("array"));
    match args {
        [only] => schema.insert("items".into(), kind(&only.kind)),
        many => {
            let items: Vec<_> = many.iter().map(|arg| kind(&arg.kind)).collect();
            schema.insert("prefixItems".into(), Value::Array(items))
        }
    };
    schema.insert("minItems".into(), json!(least));
    if let Some(most) = most {
        schema.insert("maxItems".into(), json!(most));
    }
    Value::Object(schema)
}

fn is_many(count: Count) -> bool {
    matches!(count, Count::Any | Count::Some)
}

fn is_required(count: Count) -> bool {
    matches!(count, Count::One | Count::Some)
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer(min, max) => {
            json!({ "type": "integer", "minimum": *min as i64, "maximum": *max as i64 })
        }
        Kind::OneOf(numbers) => {
            let numbers: Vec<_> = numbers.iter().map(|number| *number as i64).collect();
            json!({ "enum": numbers })
        }
        Kind::Duration => json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$" }),
        Kind::Size => json!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB|TiB)$" }),
        Kind::Rate => json!({ "type": "string", "pattern": "^[0-9]+/[sm]$" }),
        Kind::ByteRate => {
            json!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB|TiB)?/s$" })
        }
        Kind::Choice(choices) => json!({ "enum": words(choices) }),
        Kind::ChoiceOr(choices, other) => {
            json!({ "anyOf": [{ "enum": words(choices) }, { "type": "string", "title": other }] })
        }
        Kind::Form(form) => json!({ "type": "string", "title": form }),
    }
}

fn words(choices: &[Choice]) -> Vec<&'static str> {
    let built = choices.iter().filter(|choice| choice.support == Support::Built);
    built.map(|choice| choice.word).collect()
}
