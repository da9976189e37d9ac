//! Bytes on their way out: a blob, or several with something between them.

use std::{io, ops::Range};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};

use crate::blobs::Blobs;

/// Stored bytes that can be read in whole or in part.
pub struct Content {
    /// Size in bytes.
    pub size: u64,
    /// Changes with the bytes: a strong entity tag, without quotes.
    pub etag: String,
    /// Media type.
    pub media_type: &'static str,
    parts: Vec<Part>,
    blobs: Blobs,
}

/// A piece of a [`Content`].
pub(crate) enum Part {
    Bytes(Bytes),
    Blob { sha256: String, size: u64 },
}

impl Part {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob { size, .. } => *size,
        }
    }
}

impl Content {
    /// One blob; its SHA-256 is the entity tag.
    pub(crate) fn blob(blobs: Blobs, sha256: String, size: u64, media_type: &'static str) -> Self {
        let parts = vec![Part::Blob { sha256: sha256.clone(), size }];
        Self { size, etag: sha256, media_type, parts, blobs }
    }

    /// Several parts, one after the other.
    pub(crate) fn assembled(
        blobs: Blobs,
        parts: Vec<Part>,
        etag: String,
        media_type: &'static str,
    ) -> Self {
        Self { size: parts.iter().map(Part::size).sum(), etag, media_type, parts, blobs }
    }

    /// Streams `range`; what lies beyond the size is left out.
    pub fn read(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        let (mut start, mut pieces) = (0_u64, Vec::new());
        for part in &self.parts {
            let end = start + part.size();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                let within = (from - start)..(to - start);
                pieces.push(match part {
                    Part::Bytes(bytes) => {
                        let piece = bytes.slice(within.start as usize..within.end as usize);
                        futures::stream::iter([Ok(piece)]).boxed()
                    }
                    Part::Blob { sha256, .. } => self.blobs.stream(sha256, within),
                });
            }
            start = end;
        }
        futures::stream::iter(pieces).flatten().boxed()
    }
}
