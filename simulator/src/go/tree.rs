//! A structure as Go's encoders of binary forms see it: with the widths of its numbers, and its members in their order.

use std::{fmt, net::IpAddr};

use jiff::Timestamp;
use serde::{
    Serialize, Serializer,
    ser::{
        self, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

/// A part of a structure.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `nil`.
    Nil,
    /// A truth.
    Bool(bool),
    /// A number of Go's `int` or `uint`, as short as it can be.
    Int(i128),
    /// A number of so many bits, with a sign or without.
    Sized(i128, u8, bool),
    /// `float32`.
    Float32(f32),
    /// `float64`.
    Float64(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// `net.IP`, if there is one.
    Ip(Option<IpAddr>),
    /// `time.Time`.
    Time(Timestamp),
    /// A list.
    List(Vec<Node>),
    /// A map or a structure.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The tree of a value.
    ///
    /// # Errors
    /// When the value's own code fails.
    pub fn of(value: &impl Serialize) -> Result<Self, TreeError> {
        value.serialize(Maker)
    }
}

/// Why a value makes no tree.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TreeError(String);

impl ser::Error for TreeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

struct Maker;

/// A list or a map that grows.
#[derive(Default)]
struct Parts {
    variant: Option<&'static str>,
    list: Vec<Node>,
    map: Vec<(Node, Node)>,
    key: Option<Node>,
}

impl Parts {
    fn push(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), TreeError> {
        self.list.push(value.serialize(Maker)?);
        Ok(())
    }

    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), TreeError> {
        self.map.push((Node::Text(name.to_owned()), value.serialize(Maker)?));
        Ok(())
    }

    /// The whole, below the name of its variant if it has one.
    fn whole(self, whole: Node) -> Node {
        match self.variant {
            Some(name) => Node::Map(vec![(Node::Text(name.to_owned()), whole)]),
            None => whole,
        }
    }

    fn into_list(mut self) -> Node {
        let list = Node::List(std::mem::take(&mut self.list));
        self.whole(list)
    }

    fn into_map(mut self) -> Node {
        let map = Node::Map(std::mem::take(&mut self.map));
        self.whole(map)
    }
}

macro_rules! numbers {
    ($($name:ident($type:ty) => $make:expr;)+) => {
        $(fn $name(self, number: $type) -> Result<Node, TreeError> {
            let make: fn($type) -> Node = $make;
            Ok(make(number))
        })+
    };
}

impl Serializer for Maker {
    type Error = TreeError;
    type Ok = Node;
    type SerializeMap = Parts;
    type SerializeSeq = Parts;
    type SerializeStruct = Parts;
    type SerializeStructVariant = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;

    numbers! {
        serialize_bool(bool) => Node::Bool;
        serialize_i8(i8) => |number| Node::Sized(number.into(), 8, true);
        serialize_i16(i16) => |number| Node::Sized(number.into(), 16, true);
        serialize_i32(i32) => |number| Node::Sized(number.into(), 32, true);
        serialize_i64(i64) => |number| Node::Int(number.into());
        serialize_u8(u8) => |number| Node::Sized(number.into(), 8, false);
        serialize_u16(u16) => |number| Node::Sized(number.into(), 16, false);
        serialize_u32(u32) => |number| Node::Sized(number.into(), 32, false);
        serialize_u64(u64) => |number| Node::Int(number.into());
        serialize_f32(f32) => Node::Float32;
        serialize_f64(f64) => Node::Float64;
        serialize_char(char) => |char| Node::Text(char.into());
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_str(self, text: &str) -> Result<Node, TreeError> {
        Ok(Node::Text(text.to_owned()))
    }

    /// Only addresses come as bytes, sixteen of them.
    fn serialize_bytes(self, bytes: &[u8]) -> Result<Node, TreeError> {
        Ok(match <[u8; 16]>::try_from(bytes) {
            Ok(sixteen) => Node::Ip(Some(IpAddr::from(sixteen).to_canonical())),
            Err(_) => Node::Bytes(bytes.to_vec()),
        })
    }

    fn serialize_none(self) -> Result<Node, TreeError> {
        Ok(Node::Nil)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, TreeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Node, TreeError> {
        Ok(Node::Nil)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Node, TreeError> {
        Ok(Node::Nil)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<Node, TreeError> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Node, TreeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<Node, TreeError> {
        Ok(Node::Map(vec![(Node::Text(name.to_owned()), value.serialize(self)?)]))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, TreeError> {
        Ok(Parts::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts, TreeError> {
        Ok(Parts::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts, TreeError> {
        Ok(Parts::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Parts, TreeError> {
        Ok(Parts { variant: Some(name), ..Parts::default() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts, TreeError> {
        Ok(Parts::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts, TreeError> {
        Ok(Parts::default())
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Parts, TreeError> {
        self.serialize_tuple_variant(name, index, variant, length)
    }
}

macro_rules! parts {
    ($($trait:ident { $($method:ident)? $(= $named:ident)? } => $into:ident;)+) => {
        $(impl $trait for Parts {
            type Error = TreeError;
            type Ok = Node;

            $(fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
                self.push(value)
            })?

            $(fn $named<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), TreeError> {
                self.put(name, value)
            })?

            fn end(self) -> Result<Node, TreeError> {
                Ok(self.$into())
            }
        })+
    };
}

parts! {
    SerializeSeq { serialize_element } => into_list;
    SerializeTuple { serialize_element } => into_list;
    SerializeTupleStruct { serialize_field } => into_list;
    SerializeTupleVariant { serialize_field } => into_list;
    SerializeStruct { = serialize_field } => into_map;
    SerializeStructVariant { = serialize_field } => into_map;
}

impl SerializeMap for Parts {
    type Error = TreeError;
    type Ok = Node;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), TreeError> {
        self.key = Some(key.serialize(Maker)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TreeError> {
        let value = value.serialize(Maker)?;
        self.map.push((self.key.take().unwrap_or(Node::Nil), value));
        Ok(())
    }

    fn end(self) -> Result<Node, TreeError> {
        Ok(self.into_map())
    }
}
