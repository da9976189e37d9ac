//! What was found in bytes, asked of a child once per bytes and program.

use shared::ErrorCode;

use crate::{
    Control, ControlError,
    child::{Outcome, Reading, Task},
    clock,
};

impl Control {
    /// What is in a blob. Read by a child the first time.
    pub(crate) async fn reading(
        &self,
        sha256: &str,
        unpack: bool,
    ) -> Result<Reading, ControlError> {
        let program = &self.inner.program;
        let known: Option<String> = sqlx::query_scalar(
            "SELECT reading FROM readings WHERE sha256 = $1 AND unpack = $2 AND compiler = $3",
        )
        .bind(sha256)
        .bind(unpack)
        .bind(program)
        .fetch_optional(self.inner.store.read())
        .await?;
        if let Some(text) = known {
            return serde_json::from_str(&text).map_err(ControlError::internal);
        }
        let source = self.inner.blobs.file(sha256);
        let finished = self.inner.children.run(Task::Read, source, unpack, |_| {}).await?;
        let reading = match finished.outcome {
            Outcome::Read(reading) => reading,
            Outcome::Refused(refusal) => Reading::Refused(refusal),
            other => return Err(ControlError::internal(format!("a child answered {other:?}"))),
        };
        if let Reading::Refused(refusal) = &reading {
            match refusal.code {
                // Ours, not the model's: ask again the next time.
                ErrorCode::Internal => {
                    tracing::error!(sha256, message = refusal.message, "a model could not be read");
                    return Ok(reading);
                }
                // Another start may allow more, and a quieter machine may be quicker.
                ErrorCode::LimitExceeded => return Ok(reading),
                _ => {}
            }
        }
        let text = serde_json::to_string(&reading).map_err(ControlError::internal)?;
        // Kept for the next time, whoever asks: no change by this request.
        let mut write = self.inner.store.write_unaudited().await?;
        sqlx::query(
            "INSERT INTO readings (sha256, unpack, compiler, reading, read_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(sha256)
        .bind(unpack)
        .bind(program)
        .bind(text)
        .bind(clock::now())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(reading)
    }
}
