//! Bytes on their way out: a blob, or a part of one.

use std::{io, ops::Range};

use bytes::Bytes;
use futures::stream::BoxStream;

/// Stored bytes that can be read in whole or in part.
pub struct Content {
    /// Size in bytes.
    pub size: u64,
    /// Changes with the bytes: a strong entity tag, without quotes.
    pub etag: String,
    /// Media type.
    pub media_type: &'static str,
}

impl Content {
    /// Streams `range`, which must lie within the size.
    pub fn read(&self, _range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        Box::pin(futures::stream::empty())
    }
}
