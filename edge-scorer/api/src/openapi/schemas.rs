//! The wire types' schemas, as requests and as answers.
//!
//! A member that a request may leave out is always there in an answer, so a type that is both has
//! two schemas where they differ; the request's then ends in `Input`.

use std::borrow::Cow;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

const AT: &str = "/components/schemas";

/// Collects what the operations refer to.
pub(super) struct Schemas {
    answers: SchemaGenerator,
    requests: SchemaGenerator,
    own: Map<String, Value>,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = Cow::Borrowed(AT);
                settings.meta_schema = None;
            })
        };
        Self {
            answers: settings().for_serialize().into_generator(),
            requests: settings().for_deserialize().into_generator(),
            own: Map::new(),
        }
    }
}

impl Schemas {
    /// What is answered with a `T`.
    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// What a request with a `T` may hold.
    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        let mut schema = self.requests.subschema_for::<T>().to_value();
        mark(&mut schema);
        schema
    }

    /// A schema that no wire type has: the documents of others' protocols.
    pub(super) fn own(&mut self, name: &str, schema: Value) -> Value {
        self.own.insert(name.to_owned(), schema);
        json!({"$ref": format!("#{AT}/{name}")})
    }

    /// Everything that was referred to, by name.
    pub(super) fn into_components(mut self) -> Map<String, Value> {
        let mut components = self.answers.take_definitions(true);
        for (name, mut schema) in self.requests.take_definitions(true) {
            mark(&mut schema);
            components.insert(format!("{name}{INPUT}"), schema);
        }
        components.extend(self.own);
        let mut components: Vec<_> = components.into_iter().collect();
        components.sort_by(|(a, _), (b, _)| a.cmp(b));
        components.into_iter().collect()
    }
}

const INPUT: &str = "Input";

/// Takes the ending from the names of types that only requests have.
pub(super) fn simplify(document: &mut Value) {
    let Value::Object(components) = document["components"]["schemas"].take() else { return };
    let only_requests: Vec<String> = components
        .keys()
        .filter_map(|name| name.strip_suffix(INPUT))
        .filter(|name| !components.contains_key(*name))
        .map(str::to_owned)
        .collect();
    let short = |name: &str| match name.strip_suffix(INPUT) {
        Some(short) if only_requests.iter().any(|only| only == short) => Some(short.to_owned()),
        _ => None,
    };
    let renamed: Map<String, Value> = components
        .into_iter()
        .map(|(name, schema)| (short(&name).unwrap_or(name), schema))
        .collect();
    document["components"]["schemas"] = Value::Object(renamed);
    rename(document, &short);
}

fn rename(value: &mut Value, short: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.rsplit('/').next().and_then(short)
            {
                *reference = format!("#{AT}/{name}");
            }
            members.values_mut().for_each(|value| rename(value, short));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| rename(value, short)),
        _ => {}
    }
}

/// Lets every reference of a request's schema lead to the request's side.
fn mark(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref") {
                reference.push_str(INPUT);
            }
            members.values_mut().for_each(mark);
        }
        Value::Array(items) => items.iter_mut().for_each(mark),
        _ => {}
    }
}
