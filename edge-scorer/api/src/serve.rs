//! The listener: accepts connections, bounds them, speaks HTTP on them, and stops without cutting
//! anybody off.
//!
//! # Invariants
//! - There are never more connections than the limit; further callers wait in the kernel's queue.
//! - A connection that sends no request, or half of one, is closed after its time.
//! - A graceful stop finishes every request that has begun, within the drain time.
//!
//! # Deliberately absent
//! - A limit on how long a request may take: scoring and uploads have limits of their own.

mod connections;
mod lingering;
#[cfg(test)]
mod stories;

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{body::Body, extract::FromRequestParts, http::request::Parts, response::Response};
use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service;

use self::{
    connections::{Connections, Ticket, Watched},
    lingering::lingering,
};
use crate::{
    config::ApiLimits,
    tls::{TlsChoice, TlsError},
};

/// Longest TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a request's handler may know of its connection; absent where there is none (tests).
#[derive(Debug, Clone)]
pub struct Peer {
    /// The other end.
    pub address: SocketAddr,
    /// Resolves when the connection should end; streams that would not end by themselves heed it.
    pub closing: CancellationToken,
}

/// Where a request came from, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From(pub(crate) Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Peer>().map(|peer| peer.address.ip())))
    }
}

/// What a listener can serve; [`Front`](crate::Front) is one.
pub trait HttpService:
    Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> HttpService for S where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Serves `routes` on `listener` until `shutdown` resolves and the requests in flight are done.
pub async fn serve<S>(
    listener: TcpListener,
    routes: S,
    tls: TlsChoice,
    limits: ApiLimits,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError>
where
    S: HttpService,
{
    let acceptor = tls.server_config()?.map(TlsAcceptor::from);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let connections = Connections::new(limits.header_timeout, limits.idle_timeout);
    let reaper = tokio::spawn(connections.clone().reap());

    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let ticket = connections.admit();
        let held = ticket.clone();
        let (routes, acceptor, header_bytes) =
            (routes.clone(), acceptor.clone(), limits.header_bytes);
        let task = tokio::spawn(async move {
            let _slot = slot;
            match acceptor {
                None => converse(stream, peer, routes, &ticket, header_bytes).await,
                Some(acceptor) => {
                    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            converse(stream, peer, routes, &ticket, header_bytes).await;
                        }
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS handshake"),
                        Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
                    }
                }
            }
        });
        held.on_abort(task.abort_handle());
    }

    drop(listener);
    reaper.abort();
    connections.close_all();
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    if tokio::time::timeout(limits.drain_timeout, slots.acquire_many(all)).await.is_err() {
        tracing::warn!("some requests were still in flight when the drain time was over");
        connections.abort_all();
    }
    Ok(())
}

/// The next connection, once there is a slot for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
            }
            Some((stream, peer, slot))
        }
        Err(error) => {
            // A peer that went away is nothing; out of file descriptors needs a pause.
            if !matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionRefused
            ) {
                tracing::error!(%error, "no connection could be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            None
        }
    }
}

/// Speaks HTTP/1.1 or HTTP/2 on one connection until it ends.
async fn converse<S, R>(
    stream: S,
    peer: SocketAddr,
    routes: R,
    ticket: &Ticket,
    header_bytes: usize,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: HttpService,
{
    let closing = ticket.closing();
    let about = Peer { address: peer, closing: closing.clone() };
    let counted = ticket.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let in_flight = counted.begin(request.version());
        request.extensions_mut().insert(about.clone());
        let mut routes = routes.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = lingering(body, &parts.headers);
            let answer = routes.call(Request::from_parts(parts, body)).await;
            // The body may go on for long after the head; the connection is busy until then.
            answer.map(|answer| answer.map(|body| in_flight.until_the_end_of(body)))
        }
    });

    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(header_bytes.max(8192)).pipeline_flush(true);
    builder
        .http2()
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(256);
    let io = TokioIo::new(Watched::new(stream, ticket.clone()));
    let connection = builder.serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let mut asked = false;
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => break outcome,
            () = closing.cancelled(), if !asked => {
                asked = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
