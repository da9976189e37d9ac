//! The domain from outside: its rules, its durability, and what happens when many come at once.

#![expect(clippy::unwrap_used, reason = "this is a test")]

#[path = "control/edge.rs"]
mod edge;

#[path = "control/crashes.rs"]
mod crashes;
#[path = "control/histories.rs"]
mod histories;
#[path = "control/identity.rs"]
mod identity;
#[path = "control/images.rs"]
mod images;
#[path = "control/lists.rs"]
mod lists;
#[path = "control/models.rs"]
mod models;
#[path = "control/services.rs"]
mod services;

/// What the domain starts as its compile child: this very test, with a job file as last argument.
#[test]
fn compile_child() {
    let Some(job) = std::env::args_os().next_back() else { return };
    if std::path::Path::new(&job).file_name() == Some("job.json".as_ref()) {
        assert_eq!(control::compile_child_main(&[job]), 0);
    }
}
