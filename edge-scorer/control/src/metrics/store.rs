//! Samples in the store: rows of ten seconds for an hour, of a minute for a day, of ten minutes for
//! thirty days.
//!
//! # Invariants
//! - Rows of a coarser resolution are made from finer rows of the store, never from memory, so a
//!   crash between two steps costs nothing; finer rows go only when coarser ones hold them.
//! - Where resolutions meet is a multiple of the coarsest, so no moment is read twice.

use std::collections::{BTreeMap, HashMap};

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{sample::Sample, ticker::Samples};
use crate::{Control, ControlError, store::Write};

/// Seconds of a row as it is first written.
pub(super) const FINEST: i64 = 10;
pub(super) const MINUTE: i64 = 60;
pub(super) const COARSEST: i64 = 600;
/// How long rows of each resolution are read, in seconds.
const FINEST_KEPT: i64 = 3_600;
const MINUTES_KEPT: i64 = 24 * 3_600;
pub(super) const KEPT: i64 = 30 * 24 * 3_600;
/// Rows that are put together before others get their turn.
const BATCH: usize = 256;

/// The last multiple of `length` that is not after `moment`.
pub(super) fn floor(moment: i64, length: i64) -> i64 {
    moment - moment.rem_euclid(length)
}

/// Which resolution is read from which moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) minutes_from: i64,
    pub(super) finest_from: i64,
}

impl Bounds {
    pub(super) fn at(now: i64) -> Self {
        Self {
            minutes_from: floor(now - MINUTES_KEPT, COARSEST),
            finest_from: floor(now - FINEST_KEPT, COARSEST),
        }
    }

    /// Length of the rows that are kept of `moment`.
    pub(super) fn resolution(self, moment: i64) -> i64 {
        if moment >= self.finest_from {
            FINEST
        } else if moment >= self.minutes_from {
            MINUTE
        } else {
            COARSEST
        }
    }
}

impl Control {
    /// Writes the rows of one slot; what is there already, from before a restart, is added to.
    pub(super) async fn save_slot(&self, slot: i64, samples: &Samples) -> Result<(), ControlError> {
        let mut write = self.inner.store.write().await?;
        let rows =
            sqlx::query("SELECT series, sample FROM metrics WHERE resolution = $1 AND at = $2")
                .bind(FINEST)
                .bind(slot)
                .fetch_all(&mut *write)
                .await?;
        let mut before = HashMap::new();
        for row in &rows {
            before.insert(row.try_get::<String, _>(0)?, Sample::decode(row.try_get(1)?)?);
        }
        for (series, sample) in samples {
            match before.remove(series) {
                Some(mut whole) => {
                    whole.add(sample);
                    put(&mut write, series, FINEST, slot, &whole).await?;
                }
                None => put(&mut write, series, FINEST, slot, sample).await?,
            }
        }
        write.commit().await?;
        Ok(())
    }

    /// Makes coarser rows of finer ones, and forgets what is old.
    pub(super) async fn age_metrics(&self, now: i64) -> Result<(), ControlError> {
        let saved = self.inner.metrics.saved_until().min(now);
        let minutes = self.put_together(FINEST, MINUTE, floor(saved, MINUTE)).await?;
        let coarse = self.put_together(MINUTE, COARSEST, floor(minutes, COARSEST)).await?;
        let bounds = Bounds::at(now);
        for (resolution, before) in [
            (FINEST, (bounds.finest_from - COARSEST).min(minutes)),
            (MINUTE, (bounds.minutes_from - COARSEST).min(coarse)),
            (COARSEST, floor(now - KEPT, COARSEST)),
        ] {
            let oldest = oldest(self.inner.store.read(), resolution, i64::MIN).await?;
            if oldest.is_some_and(|oldest| oldest < before) {
                let mut write = self.inner.store.write().await?;
                sqlx::query("DELETE FROM metrics WHERE resolution = $1 AND at < $2")
                    .bind(resolution)
                    .bind(before)
                    .execute(&mut *write)
                    .await?;
                write.commit().await?;
            }
        }
        Ok(())
    }

    /// Rows of length `to` from rows of length `of`, up to `target`. Gives how far they reach.
    async fn put_together(&self, of: i64, to: i64, target: i64) -> Result<i64, ControlError> {
        let read = self.inner.store.read();
        let mut until = progress(&mut *read.acquire().await?, to).await?;
        while until < target {
            // Empty windows, such as those while no server ran, are skipped.
            let window = match oldest(read, of, until).await? {
                Some(oldest) if oldest < target => floor(oldest, to),
                _ => target,
            };
            if window >= target {
                let mut write = self.inner.store.write().await?;
                set_progress(&mut write, to, target).await?;
                write.commit().await?;
                return Ok(target);
            }
            let rows = sqlx::query(
                "SELECT series, sample FROM metrics
                 WHERE resolution = $1 AND at >= $2 AND at < $3 ORDER BY at",
            )
            .bind(of)
            .bind(window)
            .bind(window + to)
            .fetch_all(read)
            .await?;
            let mut samples: BTreeMap<String, Sample> = BTreeMap::new();
            for (at, row) in rows.iter().enumerate() {
                let sample = Sample::decode(row.try_get(1)?)?;
                samples.entry(row.try_get(0)?).or_default().add(&sample);
                if at % BATCH == BATCH - 1 {
                    tokio::task::yield_now().await;
                }
            }
            let mut write = self.inner.store.write().await?;
            for (series, sample) in &samples {
                put(&mut write, series, to, window, sample).await?;
            }
            until = window + to;
            set_progress(&mut write, to, until).await?;
            write.commit().await?;
        }
        Ok(until)
    }

    /// The rows of a series between two moments, each moment once, and the number of replicas
    /// that held before. The caller holds the lock that keeps rows from being added meanwhile.
    pub(super) async fn stored_samples(
        &self,
        series: &str,
        (start, end): (i64, i64),
        now: i64,
    ) -> Result<(Vec<(i64, Sample)>, Option<u64>), ControlError> {
        // One transaction: the rows and how far they reach are of one moment.
        let mut read = self.inner.store.read().begin().await?;
        let bounds = Bounds::at(now);
        let coarse_until = bounds.minutes_from.min(progress(&mut read, COARSEST).await?).min(end);
        let minutes_until = bounds
            .finest_from
            .min(progress(&mut read, MINUTE).await?)
            .clamp(coarse_until, end.max(coarse_until));
        let mut samples = Vec::new();
        for (resolution, from, until) in [
            (COARSEST, floor(start, COARSEST), coarse_until),
            (MINUTE, floor(start, MINUTE).max(coarse_until), minutes_until),
            (FINEST, floor(start, FINEST).max(minutes_until), end),
        ] {
            let rows = sqlx::query(
                "SELECT at, sample FROM metrics
                 WHERE series = $1 AND resolution = $2 AND at >= $3 AND at < $4 ORDER BY at",
            )
            .bind(series)
            .bind(resolution)
            .bind(from)
            .bind(until)
            .fetch_all(&mut *read)
            .await?;
            for row in &rows {
                samples.push((row.try_get(0)?, Sample::decode(row.try_get(1)?)?));
            }
        }
        let mut before: Option<(i64, Sample)> = None;
        for resolution in [FINEST, MINUTE, COARSEST] {
            let row = sqlx::query(
                "SELECT at, sample FROM metrics
                 WHERE series = $1 AND resolution = $2 AND at < $3 ORDER BY at DESC LIMIT 1",
            )
            .bind(series)
            .bind(resolution)
            .bind(start)
            .fetch_optional(&mut *read)
            .await?;
            if let Some(row) = row {
                let at = row.try_get(0)?;
                if before.as_ref().is_none_or(|(known, _)| at > *known) {
                    before = Some((at, Sample::decode(row.try_get(1)?)?));
                }
            }
        }
        Ok((samples, before.map(|(_, sample)| sample.replicas.last)))
    }
}

async fn put(
    write: &mut Write,
    series: &str,
    resolution: i64,
    at: i64,
    sample: &Sample,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO metrics (series, resolution, at, sample) VALUES ($1, $2, $3, $4)
         ON CONFLICT (series, resolution, at) DO UPDATE SET sample = excluded.sample",
    )
    .bind(series)
    .bind(resolution)
    .bind(at)
    .bind(sample.encode())
    .execute(&mut **write)
    .await
    .map(drop)
}

/// Up to where rows of a resolution have been made.
async fn progress(read: &mut SqliteConnection, resolution: i64) -> Result<i64, sqlx::Error> {
    let row: Option<i64> =
        sqlx::query_scalar("SELECT until FROM metrics_progress WHERE resolution = $1")
            .bind(resolution)
            .fetch_optional(read)
            .await?;
    Ok(row.unwrap_or(0))
}

async fn set_progress(write: &mut Write, resolution: i64, until: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO metrics_progress (resolution, until) VALUES ($1, $2)
         ON CONFLICT (resolution) DO UPDATE SET until = excluded.until",
    )
    .bind(resolution)
    .bind(until)
    .execute(&mut **write)
    .await
    .map(drop)
}

/// When the first row of a resolution from a moment on begins.
async fn oldest(
    read: &sqlx::SqlitePool,
    resolution: i64,
    from: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query("SELECT min(at) FROM metrics WHERE resolution = $1 AND at >= $2")
        .bind(resolution)
        .bind(from)
        .map(|row: SqliteRow| row.try_get(0))
        .fetch_one(read)
        .await?
}

#[cfg(test)]
mod tests {
    use shared::metrics::MetricsResponse;

    use super::*;
    use crate::{
        ControlConfig, MetricsQuery, clock,
        metrics::{Meter, Outcome, sample::Gauge},
    };

    const SERIES: &str = "a-service";

    async fn opened() -> (Control, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let opened = Control::open(ControlConfig::new(folder.path(), "unused")).await.unwrap();
        (opened.control, folder)
    }

    /// What one call leaves, while there are so many replicas.
    fn one_call(replicas: u64) -> Samples {
        let meter = Meter::default();
        let mut call = meter.begin();
        call.received();
        call.end(Outcome::Answered);
        let sample = Sample { replicas: Gauge::of(replicas), ..meter.take() };
        Samples::from([(SERIES.to_owned(), sample)])
    }

    async fn rows(control: &Control, resolution: i64) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM metrics WHERE series = $1 AND resolution = $2")
            .bind(SERIES)
            .bind(resolution)
            .fetch_one(control.inner.store.read())
            .await
            .unwrap()
    }

    async fn history(control: &Control, timespan: &str, interval: &str) -> MetricsResponse {
        let query = MetricsQuery {
            timespan: Some(timespan.to_owned()),
            interval: Some(interval.to_owned()),
            metric_names: Some("Requests,Replicas".to_owned()),
            aggregation: Some("Total,Average".to_owned()),
        };
        control.history(SERIES, None, String::new(), &query).await.unwrap()
    }

    fn requests(history: &MetricsResponse) -> f64 {
        history.value[0].timeseries[0].data.iter().filter_map(|value| value.total).sum()
    }

    #[tokio::test]
    async fn rows_become_coarser_with_age_and_no_call_is_lost_or_counted_twice() {
        let (control, _folder) = opened().await;
        let now = clock::seconds(clock::now());
        // A call every five minutes for two days, and one in memory.
        let slots: Vec<i64> = (1..=576).rev().map(|ago| floor(now - ago * 300, FINEST)).collect();
        for slot in &slots {
            control.save_slot(*slot, &one_call(2)).await.unwrap();
        }
        control.inner.metrics.remember(floor(now, FINEST), one_call(3));
        let before = requests(&history(&control, "P3D", "PT1H").await);

        control.age_metrics(now).await.unwrap();
        control.age_metrics(now).await.unwrap();

        assert_eq!(before, 577.0);
        for (timespan, interval) in [("P3D", "PT1H"), ("P3D", "PT10M"), ("P30D", "P1D")] {
            let after = history(&control, timespan, interval).await;
            assert_eq!(requests(&after), 577.0, "{timespan} {interval}");
        }
        let hour = slots.iter().filter(|slot| **slot >= now - 3_590).count() as f64;
        let seen = requests(&history(&control, "PT1H", "PT10S").await);
        assert!((hour..=hour + 2.0).contains(&seen), "{seen} instead of {hour}");
        // An hour and a little in tens of seconds, a day and a little in minutes, all in the coarsest.
        assert!((12..=17).contains(&rows(&control, FINEST).await));
        assert!((288..=292).contains(&rows(&control, MINUTE).await));
        assert!((286..=288).contains(&rows(&control, COARSEST).await));
    }

    #[tokio::test]
    async fn a_slot_that_is_written_twice_holds_both_and_replicas_hold_until_they_change() {
        let (control, _folder) = opened().await;
        let slot = floor(clock::seconds(clock::now()) - 1_800, FINEST);

        control.save_slot(slot, &one_call(2)).await.unwrap();
        control.save_slot(slot, &one_call(4)).await.unwrap();

        let history = history(&control, "PT1H", "PT10S").await;
        assert_eq!(requests(&history), 2.0);
        let replicas = &history.value[1].timeseries[0].data;
        assert_eq!(replicas.first().unwrap().average, None);
        assert_eq!(replicas.last().unwrap().average, Some(4.0));
        assert!(replicas.iter().any(|value| value.average == Some(3.0)));
    }

    #[tokio::test]
    async fn what_is_older_than_thirty_days_is_forgotten() {
        let (control, _folder) = opened().await;
        let now = clock::seconds(clock::now());
        control.save_slot(floor(now - KEPT - 7_200, FINEST), &one_call(1)).await.unwrap();
        control.save_slot(floor(now - KEPT + 7_200, FINEST), &one_call(1)).await.unwrap();
        control.inner.metrics.remember(floor(now, FINEST), Samples::new());

        control.age_metrics(now).await.unwrap();

        assert_eq!((rows(&control, FINEST).await, rows(&control, MINUTE).await), (0, 0));
        assert_eq!(rows(&control, COARSEST).await, 1);
    }
}
