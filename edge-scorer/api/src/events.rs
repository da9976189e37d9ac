//! Server-sent events: a resource now and after every change.
//!
//! `EventSource` cannot send headers, so these routes take the session cookie too, as all routes do.
//! A stream ends when the server stops; the browser then reconnects by itself.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::request::Parts,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use control::Live;
use futures::{Stream, StreamExt as _};
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{host::Endpoint, links::Linked, serve::Peer};

/// Resolves when the connection should end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Closing(CancellationToken);

impl<S: Sync> FromRequestParts<S> for Closing {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>();
        Ok(Self(peer.map(|peer| peer.closing.clone()).unwrap_or_default()))
    }
}

/// Sends each of `changes` as an event called `name`.
pub(crate) fn stream<T, S>(
    name: &'static str,
    changes: S,
    endpoint: Endpoint,
    Closing(closing): Closing,
) -> Response
where
    T: Linked + Serialize,
    S: Stream<Item = T> + Send + 'static,
{
    let events = changes.map(move |mut change| {
        change.link(&endpoint);
        Event::default().event(name).json_data(&change)
    });
    respond(events, Closing(closing))
}

/// Sends each second as an event called `name` whose id is the second's.
pub(crate) fn numbered<T, S>(name: &'static str, seconds: S, closing: Closing) -> Response
where
    T: Serialize,
    S: Stream<Item = Live<T>> + Send + 'static,
{
    let events = seconds.map(move |live| {
        Event::default().event(name).id(live.id.to_string()).json_data(&live.second)
    });
    respond(events, closing)
}

fn respond<E: Into<axum::BoxError>>(
    events: impl Stream<Item = Result<Event, E>> + Send + 'static,
    Closing(closing): Closing,
) -> Response {
    let events = events.take_until(closing.cancelled_owned());
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // A proxy that collects answers before it passes them on would hold events back.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
