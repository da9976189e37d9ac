//! Reads the server's JSON: parsed once into one tree, and types are made of the tree.
//!
//! Every type that is read costs code for each way it could be written; the tree offers each type
//! the one way that our API writes it, which keeps the module small.
//!
//! # Invariants
//! - What is not of the promised shape is an error, never a default.

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde_json::{Value, map};

use super::failure::EdgeError;

/// Makes a value of a document.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, EdgeError> {
    T::deserialize(Tree(parse(text)?)).map_err(|Misread(why)| EdgeError::misread(why))
}

fn parse(text: &str) -> Result<Value, EdgeError> {
    serde_json::from_str(text).map_err(EdgeError::unreadable)
}

/// What is not as it was promised.
#[derive(Debug)]
struct Misread(String);

impl std::fmt::Display for Misread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misread {}

impl de::Error for Misread {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// A value of the document.
struct Tree(Value);

impl Tree {
    /// Says what stands there in place of what a type wanted.
    fn refuse(&self, wanted: &dyn de::Expected) -> Misread {
        let found = match &self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(known) => Unexpected::Bool(*known),
            Value::Number(_) => Unexpected::Other("number"),
            Value::String(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        de::Error::invalid_type(found, wanted)
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        let Value::Number(number) = &self.0 else { return Err(self.refuse(&visitor)) };
        match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => visitor.visit_u64(whole),
            (None, Some(negative)) => visitor.visit_i64(negative),
            (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn members<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::Object(members) => {
                visitor.visit_map(Members { rest: members.into_iter(), value: None })
            }
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn items<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            _ => Err(self.refuse(&visitor)),
        }
    }
}

/// Methods of [`Deserializer`] that read a value in the same way.
macro_rules! read_as {
    ($way:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
            self.$way(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Misread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match &self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(known) => visitor.visit_bool(*known),
            Value::Number(_) => self.number(visitor),
            Value::String(_) => self.text(visitor),
            Value::Array(_) => self.items(visitor),
            Value::Object(_) => self.members(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::Bool(known) => visitor.visit_bool(known),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misread> {
        self.items(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        self.items(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        self.members(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(Variant(variant, None)),
            Value::Object(members) if members.len() == 1 => match members.into_iter().next() {
                Some((variant, value)) => visitor.visit_enum(Variant(variant, Some(value))),
                None => visitor.visit_unit(),
            },
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        visitor.visit_unit()
    }

    read_as!(number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64);
    read_as!(text: deserialize_char deserialize_str deserialize_string deserialize_identifier);
    read_as!(items: deserialize_seq);
    read_as!(members: deserialize_map);
    read_as!(deserialize_any: deserialize_unit deserialize_bytes deserialize_byte_buf);
}

struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Misread;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misread> {
        self.0.next().map(|item| seed.deserialize(Tree(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Members {
    rest: map::IntoIter,
    value: Option<Value>,
}

impl Members {
    fn step(&mut self) -> Option<String> {
        let (name, value) = self.rest.next()?;
        self.value = Some(value);
        Some(name)
    }

    fn taken(&mut self) -> Tree {
        Tree(self.value.take().unwrap_or_default())
    }
}

impl<'de> MapAccess<'de> for Members {
    type Error = Misread;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misread> {
        self.step().map(|name| seed.deserialize(Name(name))).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misread> {
        seed.deserialize(self.taken())
    }
}

/// The name of a member, or of a variant.
struct Name(String);

impl<'de> Deserializer<'de> for Name {
    type Error = Misread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        visitor.visit_str(&self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        visitor.visit_enum(Variant(self.0, None))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Variant(String, Option<Value>);

impl<'de> EnumAccess<'de> for Variant {
    type Error = Misread;
    type Variant = Content;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Content), Misread> {
        Ok((seed.deserialize(Name(self.0))?, Content(self.1)))
    }
}

/// What a variant holds.
struct Content(Option<Value>);

impl Content {
    fn tree(self) -> Tree {
        Tree(self.0.unwrap_or_default())
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Misread;

    fn unit_variant(self) -> Result<(), Misread> {
        match self.0 {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(self.tree().refuse(&"nothing more")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Misread> {
        seed.deserialize(self.tree())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misread> {
        self.tree().items(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        self.tree().members(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    enum Shape {
        Point,
        Circle(f64),
        Box { width: i64 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Drawing {
        name: String,
        #[serde(default)]
        layer: Option<u8>,
        shapes: Vec<Shape>,
        marks: BTreeMap<String, (i32, f32)>,
        any: Value,
    }

    const DRAWING: &str = r#"{"name":"plan","shapes":["Point",{"Circle":2},{"Box":{"width":-3}}],
        "marks":{"a":[1,2.5]},"any":{"b":[null,true]},"unheard":[{}]}"#;

    #[test]
    fn a_tree_is_read_as_the_text_itself_would_be() {
        let read: Drawing = read(DRAWING).unwrap();

        assert_eq!(read, serde_json::from_str::<Drawing>(DRAWING).unwrap());
        assert_eq!(read.shapes[2], Shape::Box { width: -3 });
    }

    #[test]
    fn what_is_not_as_promised_is_said() {
        let why = |text: &str| read::<Drawing>(text).unwrap_err().message;

        assert!(why("[]").contains("invalid type: sequence"), "{}", why("[]"));
        assert!(why("{}").contains("missing field `name`"), "{}", why("{}"));
        assert!(why("{").contains("EOF"), "{}", why("{"));
        let large = DRAWING.replace(r#""name""#, r#""layer":300,"name""#);
        assert!(why(&large).contains("300"), "{}", why(&large));
        let unknown = DRAWING.replace("Point", "Line");
        assert!(why(&unknown).contains("unknown variant `Line`"), "{}", why(&unknown));
    }

    #[test]
    fn wire_types_are_read_whole() {
        let text = r#"{"status":"Succeeded","id":"x"}"#;
        assert!(read::<shared::Model>(text).is_err());

        let me = r#"{"value":[{"code":"NameTaken","message":"choose"}],"nextLink":null}"#;
        let page: shared::Page<shared::ErrorDetail> = read(me).unwrap();
        assert_eq!(page.value[0].message, "choose");
    }
}
