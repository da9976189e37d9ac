//! What an expert would write by hand: axum around ONNX Runtime, native and unsandboxed.
//!
//! Each worker thread has a session of its own with one thread, so that calls neither queue behind a
//! lock nor pay for a thread pool; rows are parsed into plain vectors and answered the same way.
//! Arguments: the model. Prints `listening on URL`.

#![expect(clippy::unwrap_used, reason = "a comparison that cannot start panics")]

use std::{cell::RefCell, sync::OnceLock};

use axum::{
    Json, Router,
    http::StatusCode,
    routing::{get, post},
};
use ort::{session::Session, value::TensorRef};
use serde::{Deserialize, Serialize};
use tests::reference;

static MODEL: OnceLock<Vec<u8>> = OnceLock::new();

thread_local! {
    static SESSION: RefCell<Session> = RefCell::new(reference::session(MODEL.get().unwrap()));
}

#[derive(Deserialize)]
struct Rows {
    data: Vec<Vec<f32>>,
}

#[derive(Serialize)]
struct Scores {
    predict_proba: Vec<Vec<f32>>,
}

#[tokio::main]
async fn main() {
    let path = std::env::args().nth(1).unwrap();
    MODEL.set(std::fs::read(path).unwrap()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::print_stdout, reason = "the bench reads where it listens")]
    {
        println!("listening on http://{address}");
    }
    // What a request costs when nothing is done with it.
    let router = Router::new().route("/", get(async || "Healthy")).route("/score", post(score));
    axum::serve(listener, router).await.unwrap();
}

async fn score(Json(rows): Json<Rows>) -> Result<Json<Scores>, StatusCode> {
    let count = rows.data.len();
    let width = rows.data.first().map_or(0, Vec::len);
    if rows.data.iter().any(|row| row.len() != width) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let flat: Vec<f32> = rows.data.into_iter().flatten().collect();
    SESSION.with_borrow_mut(|session| {
        let input = TensorRef::from_array_view(([count, width], &*flat));
        let input = input.map_err(|_| StatusCode::BAD_REQUEST)?;
        let outputs = session.run(ort::inputs![input]).map_err(|_| StatusCode::BAD_REQUEST)?;
        let (_, odds) = outputs[1].try_extract_tensor::<f32>().unwrap();
        let classes = odds.len() / count.max(1);
        Ok(Json(Scores {
            predict_proba: odds.chunks(classes.max(1)).map(<[f32]>::to_vec).collect(),
        }))
    })
}
