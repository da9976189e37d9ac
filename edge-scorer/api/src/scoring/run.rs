//! Scores where it disturbs nobody, and words what can go wrong.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::response::Response;
use control::{AdmissionError, Call, Meter, Outcome, Permit, ServedService, Stage, Timing};
use engine::{ScoreError, Scorer, Tensor};
use hyper::StatusCode;
use shared::{ErrorCode, ErrorDetail};

use super::{notes, refusal::Refusal};
use crate::error::ApiError;

/// Longest estimated score that is made on the thread that serves requests.
const SHORT: Duration = Duration::from_millis(1);
/// Longest body that is read there: some hundred microseconds' work.
const SHORT_BODY_BYTES: usize = 64 << 10;

/// Whether a body is read at once.
pub(super) fn is_short(body: &[u8]) -> bool {
    body.len() <= SHORT_BODY_BYTES
}

/// Does short work here, and other work where it may block.
pub(super) async fn work<T: Send + 'static>(
    short: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    if short {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}

/// Ends a call the way that its answer says.
pub(super) fn counted(call: Call<'_>, answer: &Result<Response, ApiError>) {
    call.end(match answer {
        Ok(_) => Outcome::Answered,
        Err(error) if matches!(error.code, ErrorCode::ServiceBusy | ErrorCode::ServiceStopped) => {
            Outcome::Rejected
        }
        Err(error) if error.status.is_client_error() => Outcome::ClientError,
        Err(_) => Outcome::ServerError,
    });
}

/// Waits for a slot, scores, and hands the outputs to `write`, which belongs to the same work.
pub(super) async fn score<T: Send + 'static>(
    service: &ServedService,
    call: &mut Call<'_>,
    scorer: Arc<Scorer>,
    inputs: Vec<Tensor>,
    rows: u64,
    write: impl FnOnce(&[Tensor]) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let sampled = service.samples();
    let signature = sampled.then(|| Arc::clone(scorer.module().signature()));
    let keep = move |inputs, outputs| sampled.then_some((inputs, outputs));
    let (answer, kept) = run(service, call, scorer, inputs, rows, write, keep).await?;
    if let (Some((inputs, outputs)), Some(signature)) = (kept, signature) {
        service.collect(notes::request_id(), signature, inputs, outputs);
    }
    Ok(answer)
}

/// As [`score`], for an example: it takes a slot, but it is nobody's call: neither counted nor kept.
pub(super) async fn try_out<T: Send + 'static>(
    service: &ServedService,
    scorer: Arc<Scorer>,
    inputs: Vec<Tensor>,
    rows: u64,
    write: impl FnOnce(&[Tensor]) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let meter = Meter::default();
    let mut uncounted = meter.begin();
    let (answer, ()) = run(service, &mut uncounted, scorer, inputs, rows, write, |_, _| ()).await?;
    Ok(answer)
}

/// Runs a call; `keep` gets its inputs and outputs once the answer is written.
async fn run<T: Send + 'static, K: Send + 'static>(
    service: &ServedService,
    call: &mut Call<'_>,
    scorer: Arc<Scorer>,
    inputs: Vec<Tensor>,
    rows: u64,
    write: impl FnOnce(&[Tensor]) -> T + Send + 'static,
    keep: impl FnOnce(Vec<Tensor>, Vec<Tensor>) -> K + Send + 'static,
) -> Result<(T, K), ApiError> {
    let arrived = Instant::now();
    let permit: Permit = service.admit().await?;
    call.passed(Stage::Queue);
    let queued = arrived.elapsed();
    let short = scorer.estimate(rows).is_some_and(|estimate| estimate <= SHORT);
    let began = Instant::now();
    let scored = work(short, move || {
        let outputs = scorer.score_rows(&inputs);
        drop(permit);
        let ran = Instant::now();
        (ran, outputs.map(|outputs| (write(&outputs), keep(inputs, outputs))))
    });
    let (ran, scored) = scored.await?;
    call.passed_at(Stage::Run, ran);
    call.passed(Stage::Encode);
    notes::time(Timing { rows, queued, scored: ran.saturating_duration_since(began) });
    scored.map_err(ApiError::from)
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, refusal.code, refusal.message);
        error.details.push(*refusal.detail);
        error
    }
}

impl From<AdmissionError> for ApiError {
    fn from(refusal: AdmissionError) -> Self {
        let message = refusal.to_string();
        match refusal {
            AdmissionError::Stopped => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServiceStopped, message)
                    .advise("StartTheService", "set `numReplicas` to at least 1")
            }
            AdmissionError::Busy => {
                let mut busy =
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServiceBusy, message)
                        .advise(
                            "TryLater",
                            "try again in a second, or give the service more replicas",
                        );
                busy.retry_after = Some(1);
                busy
            }
        }
    }
}

impl From<ScoreError> for ApiError {
    fn from(error: ScoreError) -> Self {
        use ScoreError as E;
        let message = error.to_string();
        match error {
            E::BadInput { row } => {
                let mut detail =
                    ErrorDetail::new("InvalidValue", "send values that the model was trained for");
                detail.row = row;
                let mut refusal = Self::invalid(message);
                refusal.details.push(detail);
                refusal
            }
            E::WrongInput(_) => Self::invalid(message)
                .advise("CompareWithTheSignature", "compare the input with the model's signature"),
            E::OutOfTime => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, ErrorCode::ScoreTimeout, message).advise(
                    "SendFewerRows",
                    "send fewer rows, or start the server with a longer `--score-timeout`",
                )
            }
            E::OutOfMemory => failed(message).advise(
                "GiveItMoreMemory",
                "raise `containerResourceReservation.memory` of the service, or send fewer rows",
            ),
            E::Trap(_) | E::Failed(_) | E::BrokenContract(_) => {
                let is_said = matches!(error, E::Failed(_));
                let message =
                    if is_said { message } else { "the model failed while running".to_owned() };
                failed(message)
                    .advise(
                        "ReportIt",
                        "the server's log has the reason under this x-ms-request-id",
                    )
                    .because(error)
            }
            E::NoInstance(_) => {
                let mut busy =
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServiceBusy, message)
                        .advise("TryLater", "try again in a second");
                busy.retry_after = Some(1);
                busy.because(error)
            }
        }
    }
}

fn failed(message: String) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::ScorerFailed, message)
}
