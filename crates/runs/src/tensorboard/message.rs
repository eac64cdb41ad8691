//! The messages of event files.

use prost::{Enumeration, Message, Oneof};
use std::collections::BTreeMap;

/// One record of an event file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub(crate) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(crate) step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    pub(crate) what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(string, tag = "1")]
    pub(crate) tag: String,
    #[prost(message, optional, tag = "9")]
    pub(crate) metadata: Option<Metadata>,
    #[prost(oneof = "Content", tags = "2, 4, 8")]
    pub(crate) content: Option<Content>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Content {
    #[prost(float, tag = "2")]
    Simple(f32),
    #[prost(message, tag = "4")]
    Image(Image),
    #[prost(message, tag = "8")]
    Tensor(Tensor),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Image {
    #[prost(int32, tag = "1")]
    pub(crate) height: i32,
    #[prost(int32, tag = "2")]
    pub(crate) width: i32,
    /// The number of channels.
    #[prost(int32, tag = "3")]
    pub(crate) colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) png: Vec<u8>,
}

/// The plugin that shows a value. TensorBoard reads it from the first value with a tag.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub(crate) plugin: Option<Plugin>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Plugin {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) content: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(enumeration = "DataType", tag = "1")]
    pub(crate) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<Shape>,
    /// All entries as little-endian bytes; otherwise they are in one of the lists.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) content: Vec<u8>,
    #[prost(float, repeated, tag = "5")]
    pub(crate) floats: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    pub(crate) doubles: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum DataType {
    Invalid = 0,
    Float = 1,
    Double = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub(crate) dims: Vec<Dim>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dim {
    #[prost(int64, tag = "1")]
    pub(crate) size: i64,
}

/// The content of the hyperparameters' plugin.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HyperparametersData {
    #[prost(oneof = "Session", tags = "3, 4")]
    pub(crate) session: Option<Session>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Session {
    #[prost(message, tag = "3")]
    Start(SessionStart),
    #[prost(message, tag = "4")]
    End(SessionEnd),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) hyperparameters: BTreeMap<String, JsonValue>,
    #[prost(double, tag = "5")]
    pub(crate) start_time: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionEnd {
    #[prost(enumeration = "SessionStatus", tag = "1")]
    pub(crate) status: i32,
    #[prost(double, tag = "2")]
    pub(crate) end_time: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum SessionStatus {
    Unknown = 0,
    Success = 1,
    Failure = 2,
    Running = 3,
}

/// `google.protobuf.Value`, without lists and objects.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct JsonValue {
    #[prost(oneof = "Kind", tags = "2, 3, 4")]
    pub(crate) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Kind {
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Truth(bool),
}

impl Tensor {
    /// A tensor without entries, for values that are nothing but metadata.
    pub(crate) fn empty() -> Self {
        let shape = Shape { dims: vec![Dim { size: 0 }] };
        Self {
            dtype: DataType::Float.into(),
            shape: Some(shape),
            ..Self::default()
        }
    }

    /// The number of a tensor that holds one.
    pub(crate) fn number(&self) -> Option<f64> {
        let bytes = || self.content.as_slice();
        match (self.dtype(), &self.floats[..], &self.doubles[..]) {
            (DataType::Float, [value], _) => Some(f64::from(*value)),
            (DataType::Double, _, [value]) => Some(*value),
            (DataType::Float, [], _) => {
                Some(f64::from(f32::from_le_bytes(bytes().try_into().ok()?)))
            }
            (DataType::Double, _, []) => Some(f64::from_le_bytes(bytes().try_into().ok()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_read_in_every_form_that_tensorboard_has_for_it() {
        let double = DataType::Double.into();
        let listed = Tensor { dtype: double, doubles: vec![0.1], ..Tensor::default() };
        assert_eq!(listed.number(), Some(0.1));
        let float = DataType::Float.into();
        let listed = Tensor { dtype: float, floats: vec![0.5], ..Tensor::default() };
        assert_eq!(listed.number(), Some(0.5));
        let content = 0.5f32.to_le_bytes().to_vec();
        let packed = Tensor { dtype: float, content, ..Tensor::default() };
        assert_eq!(packed.number(), Some(0.5));
        let content = 0.1f64.to_le_bytes().to_vec();
        let packed = Tensor { dtype: DataType::Double.into(), content, ..Tensor::default() };
        assert_eq!(packed.number(), Some(0.1));
        assert_eq!(Tensor::empty().number(), None);
        let two = Tensor { dtype: float, floats: vec![0.5, 0.5], ..Tensor::default() };
        assert_eq!(two.number(), None);
    }
}
