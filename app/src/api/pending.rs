//! Calls under way: one boxed future for all of them, and the type only where an answer is read.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use serde_json::Value;

use super::failure::EdgeError;

/// Something that a call will give.
pub(crate) type Pending<T> = Pin<Box<dyn Future<Output = Result<T, EdgeError>>>>;

/// A call whose answer is read as a `T`.
pub(crate) struct Reading<T> {
    answer: Pending<Value>,
    read: fn(&Value) -> Result<T, EdgeError>,
}

impl<T> Reading<T> {
    pub(super) fn new(answer: Pending<Value>, read: fn(&Value) -> Result<T, EdgeError>) -> Self {
        Self { answer, read }
    }
}

impl<T> Future for Reading<T> {
    type Output = Result<T, EdgeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.as_mut().poll(context));
        Poll::Ready(answer.and_then(|tree| (self.read)(&tree)))
    }
}
