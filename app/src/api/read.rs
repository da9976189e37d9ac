//! Reads the server's JSON: parsed once into one tree, and types are made of the tree.
//!
//! Every type that is read costs code for each way it could be written; the tree offers each type
//! the one way that our API writes it, which keeps the module small. A structure asks for its
//! members in its own order, and a variant is named by its place, so that no type holds a match
//! over names.
//!
//! # Invariants
//! - What is not of the promised shape is an error, never a default.
//!
//! # Deliberately absent
//! - `serde(alias)`: the list of a type's names is its members in order, which aliases would break.

use std::slice;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde_json::{
    Value,
    map::{self, Map},
};

use super::failure::EdgeError;

/// Makes a value of a document.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, EdgeError> {
    made(&parse(text)?)
}

/// The tree of a document.
pub(super) fn parse(text: &str) -> Result<Value, EdgeError> {
    serde_json::from_str(text).map_err(EdgeError::unreadable)
}

/// Makes a value of a tree.
pub(super) fn made<T: DeserializeOwned>(tree: &Value) -> Result<T, EdgeError> {
    T::deserialize(Tree(Some(tree))).map_err(|why| EdgeError::misread(why.to_string()))
}

/// What is not as it was promised.
#[derive(Debug)]
enum Misread {
    Said(String),
    /// A member of this place is not there.
    Lacking(usize),
}

impl std::fmt::Display for Misread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Said(why) => f.write_str(why),
            Self::Lacking(place) => write!(f, "item {place} is missing"),
        }
    }
}

impl std::error::Error for Misread {}

impl de::Error for Misread {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Said(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Self::Said(format!("invalid type: {}, expected {wanted}", kind_of(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        match found {
            Unexpected::Unsigned(number) => Self::custom(format!("{number}, expected {wanted}")),
            Unexpected::Signed(number) => Self::custom(format!("{number}, expected {wanted}")),
            _ => Self::Said(format!("invalid {}, expected {wanted}", kind_of(&found))),
        }
    }

    fn invalid_length(place: usize, _: &dyn de::Expected) -> Self {
        Self::Lacking(place)
    }
}

/// What something is, in fewer words than serde has.
fn kind_of(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "number",
        Unexpected::Str(_) | Unexpected::Char(_) => "string",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "sequence",
        Unexpected::Map => "map",
        _ => "something",
    }
}

/// A value of the document; `None` for a member that is not there.
#[derive(Clone, Copy)]
struct Tree<'a>(Option<&'a Value>);

impl Tree<'_> {
    /// Says what stands there in place of what a type wanted.
    fn refuse(self, wanted: &dyn de::Expected) -> Misread {
        let found = match self.0 {
            None => Unexpected::Option,
            Some(Value::Null) => Unexpected::Unit,
            Some(Value::Bool(known)) => Unexpected::Bool(*known),
            Some(Value::Number(_)) => Unexpected::Float(0.0),
            Some(Value::String(text)) => Unexpected::Str(text),
            Some(Value::Array(_)) => Unexpected::Seq,
            Some(Value::Object(_)) => Unexpected::Map,
        };
        de::Error::invalid_type(found, wanted)
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        let Some(Value::Number(number)) = self.0 else { return Err(self.refuse(&visitor)) };
        match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => visitor.visit_u64(whole),
            (None, Some(negative)) => visitor.visit_i64(negative),
            (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Some(Value::String(text)) => visitor.visit_str(text),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn members<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Some(Value::Object(members)) => {
                visitor.visit_map(Members { rest: members.iter(), value: None })
            }
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn items<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Some(Value::Array(items)) => visitor.visit_seq(Items(items.iter())),
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

impl<'de> Deserializer<'de> for Tree<'_> {
    type Error = Misread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            None => Err(self.refuse(&visitor)),
            Some(Value::Null) => visitor.visit_unit(),
            Some(Value::Bool(known)) => visitor.visit_bool(*known),
            Some(Value::Number(_)) => self.number(visitor),
            Some(Value::String(_)) => self.text(visitor),
            Some(Value::Array(_)) => self.items(visitor),
            Some(Value::Object(_)) => self.members(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Some(Value::Bool(known)) => visitor.visit_bool(*known),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            None | Some(Value::Null) => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
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
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        let Some(Value::Object(members)) = self.0 else { return Err(self.refuse(&visitor)) };
        visitor.visit_seq(Fields { members, names: names.iter() }).map_err(|why| why.named(names))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        match variant(self.0, names) {
            Some(variant) => visitor.visit_enum(variant),
            None => Err(self.refuse(&visitor)),
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

impl Misread {
    /// Says by name which member is not there.
    fn named(self, names: &[&str]) -> Self {
        match self {
            Self::Lacking(place) => {
                let name = names.get(place).copied().unwrap_or_default();
                Self::Said(format!("missing field `{name}`"))
            }
            said @ Self::Said(_) => said,
        }
    }
}

/// The members of a structure in the order in which its type declares them.
struct Fields<'a> {
    members: &'a Map<String, Value>,
    names: slice::Iter<'static, &'static str>,
}

impl<'de> SeqAccess<'de> for Fields<'_> {
    type Error = Misread;

    /// What is not there is `None` where the type allows it, and else nothing, for which the type
    /// has a default or refuses the whole.
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misread> {
        let found = self.names.next().and_then(|name| self.members.get(*name));
        match seed.deserialize(Tree(found)) {
            Ok(value) => Ok(Some(value)),
            Err(_) if found.is_none() => Ok(None),
            Err(why) => Err(why),
        }
    }
}

struct Items<'a>(slice::Iter<'a, Value>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Misread;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misread> {
        self.0.next().map(|item| seed.deserialize(Tree(Some(item)))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Members<'a> {
    rest: map::Iter<'a>,
    value: Option<&'a Value>,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Misread;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misread> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(Name(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misread> {
        seed.deserialize(Tree(self.value.take()))
    }
}

/// The name of a member.
struct Name<'a>(&'a str);

impl<'de> Deserializer<'de> for Name<'_> {
    type Error = Misread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misread> {
        visitor.visit_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misread> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A variant by its place among all of its type.
#[derive(Clone, Copy)]
struct Variant<'a> {
    name: &'a str,
    place: Option<usize>,
    content: Option<&'a Value>,
}

/// Which variant a value is, if it can be one.
fn variant<'a>(tree: Option<&'a Value>, names: &[&str]) -> Option<Variant<'a>> {
    let (name, content) = match tree? {
        Value::String(name) => (name, None),
        Value::Object(members) if members.len() == 1 => {
            let (name, value) = members.iter().next()?;
            (name, Some(value))
        }
        _ => return None,
    };
    Some(Variant { name, place: names.iter().position(|known| known == name), content })
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Misread;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Misread> {
        // A place that no variant has is the type's `other`, or an error.
        let place = self.place.map_or(u64::MAX, |place| place as u64);
        match seed.deserialize(de::value::U64Deserializer::<Misread>::new(place)) {
            Ok(value) => Ok((value, self)),
            Err(_) => Err(Misread::Said(format!("unknown variant `{}`", self.name))),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Misread;

    fn unit_variant(self) -> Result<(), Misread> {
        match self.content {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(Tree(self.content).refuse(&"nothing more")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Misread> {
        seed.deserialize(Tree(self.content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misread> {
        Tree(self.content).items(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        Tree(self.content).deserialize_struct("", names, visitor)
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
        author: Option<String>,
        #[serde(default = "once", rename = "times")]
        copies: u8,
        shapes: Vec<Shape>,
        marks: BTreeMap<String, (i32, f32)>,
        any: Value,
    }

    fn once() -> u8 {
        1
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Framed {
        #[serde(flatten)]
        drawing: Drawing,
        frame: Frame,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Frame {
        Wood,
        #[serde(other)]
        Other,
    }

    const DRAWING: &str = r#"{"name":"plan","shapes":["Point",{"Circle":2},{"Box":{"width":-3}}],
        "marks":{"a":[1,2.5]},"any":{"b":[null,true]},"unheard":[{}]}"#;

    #[test]
    fn a_tree_is_read_as_the_text_itself_would_be() {
        let read: Drawing = read(DRAWING).unwrap();

        assert_eq!(read, serde_json::from_str::<Drawing>(DRAWING).unwrap());
        assert_eq!(read.shapes[2], Shape::Box { width: -3 });
        assert_eq!((read.author, read.copies), (None, 1));
    }

    #[test]
    fn members_are_found_wherever_they_stand() {
        let framed = DRAWING.replacen('{', r#"{"frame":"Wood","times":7,"author":"me","#, 1);

        let read: Framed = read(&framed).unwrap();

        assert_eq!(read, serde_json::from_str::<Framed>(&framed).unwrap());
        assert_eq!((read.frame, read.drawing.copies), (Frame::Wood, 7));
    }

    #[test]
    fn a_variant_of_tomorrow_is_the_other_one() {
        let steel = DRAWING.replacen('{', r#"{"frame":"Steel","#, 1);

        assert_eq!(read::<Framed>(&steel).unwrap().frame, Frame::Other);
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
