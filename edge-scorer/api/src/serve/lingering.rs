//! Lets a refused caller finish sending.
//!
//! When a handler answers without reading the body (401, 413), closing the connection at once would
//! reset it, and the caller would lose the answer it has not read yet. What is left of the body is
//! read and thrown away for a while instead.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap,
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    header,
};

/// How much more is read of a body that nobody wants.
const BYTES: usize = 32 << 20;
/// How long it is read.
const TIME: Duration = Duration::from_secs(5);

/// Wraps a request's body, unless there is nothing to read.
pub(super) fn lingering(body: Incoming, headers: &HeaderMap) -> Body {
    // A caller that asked for permission first has not sent anything yet.
    if body.is_end_stream() || headers.contains_key(header::EXPECT) {
        return Body::new(body);
    }
    Body::new(Lingering(Some(body)))
}

struct Lingering(Option<Incoming>);

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(mut body) = self.0.take().filter(|body| !body.is_end_stream()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(tokio::time::timeout(TIME, async move {
            let mut read = 0;
            while let Some(Ok(frame)) = body.frame().await {
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > BYTES {
                    break;
                }
            }
        }));
    }
}
