//! What a call leaves behind for whoever watches its service.
//!
//! The front opens a note around a call, the scorer writes into it, and the front reads it. Where
//! nobody watches there is no note, and writing is a look that finds nothing.

use std::cell::RefCell;

use control::Timing;

#[derive(Default)]
struct Note {
    request_id: String,
    timing: Option<Timing>,
}

tokio::task_local! {
    static NOTE: RefCell<Note>;
}

/// Does `work` with a note open; gives its outcome and what the scorer wrote.
pub(crate) async fn taken<F: Future>(request_id: &str, work: F) -> (F::Output, Option<Timing>) {
    let note = RefCell::new(Note { request_id: request_id.to_owned(), timing: None });
    let noted = async {
        let outcome = work.await;
        (outcome, NOTE.with(|note| note.borrow_mut().timing.take()))
    };
    NOTE.scope(note, noted).await
}

/// Notes how a call spent its time.
pub(super) fn time(timing: Timing) {
    let _ = NOTE.try_with(|note| note.borrow_mut().timing = Some(timing));
}

/// The id of the call, where somebody watches.
pub(super) fn request_id() -> Option<String> {
    NOTE.try_with(|note| note.borrow().request_id.clone()).ok()
}
