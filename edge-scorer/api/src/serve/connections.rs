//! Which connections are open, and which of them have been silent for too long.
//!
//! One task looks at all of them every few seconds; a connection itself only writes the time of
//! its last byte, so that a request costs no timer.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    Version,
    body::{Body as HttpBody, Frame, SizeHint},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::AbortHandle,
};
use tokio_util::sync::CancellationToken;

/// How often the connections are looked at.
const ROUND: Duration = Duration::from_secs(2);
/// A request in flight that moves no byte for this long is given up.
const STALLED: Duration = Duration::from_secs(300);

/// All open connections.
#[derive(Clone)]
pub(super) struct Connections(Arc<All>);

struct All {
    open: Mutex<HashMap<u64, Weak<Connection>>>,
    next: AtomicU64,
    closing: CancellationToken,
    started: Instant,
    header_timeout: Duration,
    idle_timeout: Duration,
}

/// One connection's part in [`Connections`]; it leaves when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Ticket(Arc<Connection>);

struct Connection {
    all: Arc<All>,
    id: u64,
    closing: CancellationToken,
    abort: Mutex<Option<AbortHandle>>,
    in_flight: AtomicU32,
    /// HTTP/2 sends frames without a request; the header timeout does not apply to it.
    multiplexed: AtomicBool,
    /// Milliseconds since the start of the server.
    last_byte: AtomicU64,
    /// When the first byte of a request came that has not become a request yet; 0 without one.
    head_began: AtomicU64,
}

impl Connections {
    pub(super) fn new(header_timeout: Duration, idle_timeout: Duration) -> Self {
        Self(Arc::new(All {
            open: Mutex::default(),
            next: AtomicU64::new(0),
            closing: CancellationToken::new(),
            started: Instant::now(),
            header_timeout,
            idle_timeout,
        }))
    }

    /// Registers a connection.
    pub(super) fn admit(&self) -> Ticket {
        let now = self.0.now();
        let connection = Arc::new(Connection {
            all: self.0.clone(),
            id: self.0.next.fetch_add(1, Ordering::Relaxed),
            closing: self.0.closing.child_token(),
            abort: Mutex::default(),
            in_flight: AtomicU32::new(0),
            multiplexed: AtomicBool::new(false),
            last_byte: AtomicU64::new(now),
            // The first request is expected at once.
            head_began: AtomicU64::new(now),
        });
        lock(&self.0.open).insert(connection.id, Arc::downgrade(&connection));
        Ticket(connection)
    }

    /// Closes silent connections until the task is aborted.
    pub(super) async fn reap(self) {
        let round = ROUND.min(self.0.idle_timeout / 4).max(Duration::from_millis(10));
        let mut rounds = tokio::time::interval(round);
        loop {
            rounds.tick().await;
            let now = self.0.now();
            for connection in self.open() {
                match connection.verdict(now) {
                    Verdict::Keep => {}
                    Verdict::Close => connection.closing.cancel(),
                    Verdict::Abort => connection.abort(),
                }
            }
        }
    }

    /// Asks every connection to end after the request it is busy with.
    pub(super) fn close_all(&self) {
        self.0.closing.cancel();
    }

    /// Ends every connection at once.
    pub(super) fn abort_all(&self) {
        for connection in self.open() {
            connection.abort();
        }
    }

    fn open(&self) -> Vec<Arc<Connection>> {
        lock(&self.0.open).values().filter_map(Weak::upgrade).collect()
    }
}

impl All {
    fn now(&self) -> u64 {
        // From 1 on, since 0 says "never".
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    Close,
    Abort,
}

impl Connection {
    fn verdict(&self, now: u64) -> Verdict {
        let passed =
            |since: u64, limit: Duration| u128::from(now.saturating_sub(since)) > limit.as_millis();
        let silent_since = self.last_byte.load(Ordering::Relaxed);
        if self.in_flight.load(Ordering::Acquire) > 0 {
            return if passed(silent_since, STALLED) { Verdict::Abort } else { Verdict::Keep };
        }
        let head_began = self.head_began.load(Ordering::Relaxed);
        if head_began != 0 && !self.multiplexed.load(Ordering::Relaxed) {
            let late = passed(head_began, self.all.header_timeout);
            return if late { Verdict::Abort } else { Verdict::Keep };
        }
        if passed(silent_since, self.all.idle_timeout) { Verdict::Close } else { Verdict::Keep }
    }

    fn abort(&self) {
        if let Some(handle) = &*lock(&self.abort) {
            handle.abort();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.all.open).remove(&self.id);
    }
}

impl Ticket {
    /// Resolves when the connection should end after its request.
    pub(super) fn closing(&self) -> CancellationToken {
        self.0.closing.clone()
    }

    /// How to end the connection at once.
    pub(super) fn on_abort(&self, handle: AbortHandle) {
        *lock(&self.0.abort) = Some(handle);
    }

    /// A request has arrived.
    pub(super) fn begin(&self, version: Version) -> InFlight {
        if version == Version::HTTP_2 {
            self.0.multiplexed.store(true, Ordering::Relaxed);
        }
        self.0.head_began.store(0, Ordering::Relaxed);
        self.0.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(self.clone())
    }

    fn moved(&self, inward: bool) {
        let now = self.0.all.now();
        self.0.last_byte.store(now, Ordering::Relaxed);
        let waiting = inward && self.0.in_flight.load(Ordering::Acquire) == 0;
        if waiting && self.0.head_began.load(Ordering::Relaxed) == 0 {
            self.0.head_began.store(now, Ordering::Relaxed);
        }
    }
}

/// A request that is being answered.
pub(super) struct InFlight(Ticket);

impl InFlight {
    /// Stays until `body` has been sent or dropped. A body that is there already is not wrapped.
    pub(super) fn until_the_end_of(self, body: Body) -> Body {
        if body.size_hint().exact().is_some() {
            return body;
        }
        Body::new(Streaming { body, _in_flight: self }.map_err(axum::Error::new))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // Time without a request begins now, not at the last byte of the request.
        self.0.0.last_byte.store(self.0.0.all.now(), Ordering::Relaxed);
        self.0.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Streaming {
    body: Body,
    _in_flight: InFlight,
}

impl HttpBody for Streaming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that writes down when its last byte moved.
pub(super) struct Watched<S> {
    stream: S,
    ticket: Ticket,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, ticket: Ticket) -> Self {
        Self { stream, ticket }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.ticket.moved(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.ticket.moved(false);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.ticket.moved(false);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A panic elsewhere leaves nothing half-done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections() -> Connections {
        Connections::new(Duration::from_secs(30), Duration::from_secs(60))
    }

    #[test]
    fn half_a_request_is_given_thirty_seconds_and_silence_sixty() {
        let ticket = connections().admit();
        let now = ticket.0.all.now();

        assert_eq!(ticket.0.verdict(now + 29_000), Verdict::Keep);
        assert_eq!(ticket.0.verdict(now + 31_000), Verdict::Abort);

        drop(ticket.begin(Version::HTTP_11));
        assert_eq!(ticket.0.verdict(now + 31_000), Verdict::Keep);
        assert_eq!(ticket.0.verdict(now + 62_000), Verdict::Close);

        ticket.moved(true);
        assert_eq!(ticket.0.verdict(now + 32_000), Verdict::Abort);
    }

    #[test]
    fn a_busy_connection_is_left_alone() {
        let ticket = connections().admit();
        let now = ticket.0.all.now();

        let _in_flight = ticket.begin(Version::HTTP_11);

        assert_eq!(ticket.0.verdict(now + 200_000), Verdict::Keep);
        assert_eq!(ticket.0.verdict(now + 400_000), Verdict::Abort);
    }

    #[test]
    fn frames_of_http_2_are_no_half_request() {
        let ticket = connections().admit();
        let now = ticket.0.all.now();
        drop(ticket.begin(Version::HTTP_2));

        ticket.moved(true);

        assert_eq!(ticket.0.verdict(now + 40_000), Verdict::Keep);
        assert_eq!(ticket.0.verdict(now + 62_000), Verdict::Close);
    }

    #[test]
    fn a_connection_that_ended_is_forgotten() {
        let connections = connections();
        drop(connections.admit());

        assert!(connections.open().is_empty());
    }
}
