//! Changes that nobody asked for over HTTP: who or what made them is named all the same.

use std::{future::Future, sync::Arc};

use super::{
    Request, TRAIL,
    trail::{Trail, Who},
};
use crate::random;

/// `proof` of what needed none.
const SYSTEM: &str = "System";

/// Runs a change that the server makes by itself, as if `method` had been sent to `path`.
pub(crate) async fn by_server<T>(
    part: &str,
    method: &str,
    route: &str,
    path: &str,
    work: impl Future<Output = T>,
) -> T {
    run(format!("edge-scorer {part}"), method, route, path, work).await
}

/// Runs a change that somebody makes in the data folder with `edge-scorer {command}`.
pub(crate) async fn by_shell<T>(command: &str, work: impl Future<Output = T>) -> T {
    let line = format!("edge-scorer {command}");
    run(line.clone(), "COMMAND", &line, &line, work).await
}

async fn run<T>(
    name: String,
    method: &str,
    route: &str,
    path: &str,
    work: impl Future<Output = T>,
) -> T {
    let id = random::uuid().to_string();
    let request = Request {
        client_id: id.clone(),
        id,
        method: method.to_owned(),
        route: route.to_owned(),
        path: path.to_owned(),
        address: None,
        changes: true,
    };
    let who = Who { id: None, name, kind: None, proof: SYSTEM };
    TRAIL.scope(Arc::new(Trail::new(request, Some(who))), work).await
}
