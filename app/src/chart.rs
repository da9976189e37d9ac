//! What a chart shows and where it shows it: plain arithmetic, tested natively.
//!
//! The component draws into a plane of 1,000 by 100 units that the browser stretches, and lays the
//! words of the axes over it as text; so a chart needs no measuring and follows its container.
//!
//! # Deliberately absent
//! - The choice of round numbers for the value axis: `plotters` knows them.

use plotters::coord::ranged1d::{BoldPoints, Ranged as _};
use plotters::coord::types::RangedCoordf64;

use crate::format::fixed;

/// Units of the plane.
pub(crate) const WIDTH: f64 = 1_000.0;
pub(crate) const HEIGHT: f64 = 100.0;
/// Room above the highest value, in parts of the height.
const HEADROOM: f64 = 0.06;

/// Several lines over one stretch of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Lines {
    /// Where the time axis begins and ends, in milliseconds since 1970.
    pub(crate) span: (f64, f64),
    /// When each value was, ascending.
    pub(crate) times: Vec<f64>,
    /// For each line a value for each time; nothing where nothing was measured.
    pub(crate) values: Vec<Vec<Option<f64>>>,
}

impl Lines {
    fn highest(&self) -> f64 {
        let values = self.values.iter().flatten().flatten();
        values.copied().filter(|value| value.is_finite()).fold(0.0, f64::max)
    }

    /// The end of the value axis. One that never changes much is easier to read, so it is the next
    /// tick above the highest value.
    pub(crate) fn top(&self) -> f64 {
        let highest = self.highest();
        if highest <= 0.0 { 1.0 } else { highest * (1.0 + HEADROOM) }
    }

    /// Round values for the axis, without 0; of what is counted only whole ones.
    pub(crate) fn value_ticks(&self, counted: bool) -> Vec<f64> {
        let top = self.top();
        let ticks = RangedCoordf64::from(0.0..top).key_points(BoldPoints(6)).into_iter();
        let whole = |tick: &f64| !counted || (tick - tick.round()).abs() < 1e-9;
        ticks.filter(|tick| *tick > 0.0 && *tick <= top && whole(tick)).collect()
    }

    /// Where a moment lies on the time axis, from 0 to 1.
    pub(crate) fn across(&self, time: f64) -> f64 {
        let (start, end) = self.span;
        if end > start { ((time - start) / (end - start)).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// How high a value is, from 0 to 1.
    pub(crate) fn up(&self, value: f64) -> f64 {
        (value / self.top()).clamp(0.0, 1.0)
    }

    /// The path of a line; it is interrupted where nothing was measured.
    pub(crate) fn path(&self, line: usize) -> String {
        let mut path = String::new();
        for run in self.runs(line) {
            // A single value between gaps is a point: a line that goes nowhere, with round ends.
            for (at, (x, y)) in run.iter().enumerate() {
                let letter = if at == 0 { 'M' } else { 'L' };
                path.push_str(&point(letter, *x, *y));
            }
            if run.len() == 1 {
                path.push_str("h0");
            }
        }
        path
    }

    /// The path around the area below a line.
    pub(crate) fn area(&self, line: usize) -> String {
        let mut path = String::new();
        for run in self.runs(line) {
            let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) else { continue };
            path.push_str(&point('M', *first, HEIGHT));
            run.iter().for_each(|(x, y)| path.push_str(&point('L', *x, *y)));
            path.push_str(&point('L', *last, HEIGHT));
            path.push('Z');
        }
        path
    }

    /// Neighbouring values, in units of the plane.
    fn runs(&self, line: usize) -> Vec<Vec<(f64, f64)>> {
        let mut runs = vec![Vec::new()];
        let values = self.values.get(line).map_or(&[][..], Vec::as_slice);
        for (time, value) in self.times.iter().zip(values) {
            match (value, runs.last_mut()) {
                (Some(value), Some(run)) if value.is_finite() => {
                    run.push((self.across(*time) * WIDTH, (1.0 - self.up(*value)) * HEIGHT));
                }
                _ => runs.push(Vec::new()),
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }

    /// The value nearest to a place on the time axis (0 to 1).
    pub(crate) fn nearest(&self, across: f64) -> Option<usize> {
        let time = self.span.0 + across * (self.span.1 - self.span.0);
        let after = self.times.partition_point(|known| *known < time);
        let near = [after.checked_sub(1), Some(after)];
        let near = near.into_iter().flatten().filter(|at| *at < self.times.len());
        near.min_by(|a, b| (self.times[*a] - time).abs().total_cmp(&(self.times[*b] - time).abs()))
    }
}

/// Round moments of a stretch of time for an axis; `offset_minutes` is how far local time is ahead
/// of UTC, so that days begin at midnight.
pub(crate) fn time_ticks((start, end): (f64, f64), offset_minutes: f64) -> Vec<f64> {
    const SECOND: f64 = 1_000.0;
    const MINUTE: f64 = 60.0 * SECOND;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    const STEPS: [f64; 16] = [
        SECOND,
        5.0 * SECOND,
        10.0 * SECOND,
        30.0 * SECOND,
        MINUTE,
        2.0 * MINUTE,
        5.0 * MINUTE,
        10.0 * MINUTE,
        30.0 * MINUTE,
        HOUR,
        3.0 * HOUR,
        6.0 * HOUR,
        12.0 * HOUR,
        DAY,
        2.0 * DAY,
        7.0 * DAY,
    ];
    const MOST: f64 = 6.0;
    let length = end - start;
    let step = STEPS.into_iter().find(|step| length / step <= MOST).unwrap_or(7.0 * DAY);
    let offset = offset_minutes * MINUTE;
    let first = ((start + offset) / step).ceil() * step - offset;
    let mut ticks = Vec::new();
    let mut tick = first;
    while tick <= end && ticks.len() < 16 {
        ticks.push(tick);
        tick += step;
    }
    ticks
}

/// A step of a path.
fn point(letter: char, x: f64, y: f64) -> String {
    format!("{letter}{} {}", fixed(x, 1), fixed(y, 2))
}

/// A small line without axes, in a plane of 100 by 20 units; nothing while there is nothing to show.
pub(crate) fn sparkline(values: &[f64]) -> Option<String> {
    let highest = values.iter().copied().fold(0.0, f64::max);
    if values.len() < 2 || highest <= 0.0 {
        return None;
    }
    let step = 100.0 / (values.len() - 1) as f64;
    let place = |(at, value): (usize, &f64)| {
        let letter = if at == 0 { 'M' } else { 'L' };
        let height = 19.0 - value / highest * 18.0;
        format!("{letter}{} {}", fixed(at as f64 * step, 1), fixed(height, 1))
    };
    Some(values.iter().enumerate().map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(values: &[Option<f64>]) -> Lines {
        let times: Vec<f64> = (0..values.len()).map(|at| at as f64 * 1_000.0).collect();
        let end = times.last().copied().unwrap_or(0.0);
        Lines { span: (0.0, end), times, values: vec![values.to_vec()] }
    }

    #[test]
    fn the_value_axis_has_a_few_round_ticks_below_its_top() {
        for highest in [0.003, 0.8, 7.0, 43.0, 1_234.0, 61_572.0] {
            let lines = lines(&[Some(0.0), Some(highest)]);
            let ticks = lines.value_ticks(false);
            assert!((2..=6).contains(&ticks.len()), "{highest}: {ticks:?}");
            assert!(ticks.iter().all(|tick| *tick > 0.0 && *tick <= lines.top()), "{ticks:?}");
            assert!(lines.up(highest) < 1.0);
        }
        assert_eq!(lines(&[]).top(), 1.0);
    }

    #[test]
    fn what_is_counted_has_whole_ticks() {
        let ticks = |highest| lines(&[Some(highest)]).value_ticks(true);

        assert_eq!(ticks(1.0), [1.0]);
        assert_eq!(ticks(3.0), [1.0, 2.0, 3.0]);
        assert!(ticks(400.0).len() >= 2);
    }

    #[test]
    fn a_line_is_interrupted_where_nothing_was_measured() {
        let lines = lines(&[Some(0.0), Some(1.0), None, Some(1.0), None]);

        let path = lines.path(0);

        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert!(path.starts_with("M0.0 100.00L250.0"), "{path}");
        assert!(path.ends_with("h0"), "{path}");
        assert_eq!(lines.area(0).matches('Z').count(), 2);
        assert_eq!(lines.path(7), "");
    }

    #[test]
    fn the_nearest_value_is_found_from_anywhere() {
        let lines = lines(&[Some(1.0); 5]);

        assert_eq!(lines.nearest(0.0), Some(0));
        assert_eq!(lines.nearest(0.3), Some(1));
        assert_eq!(lines.nearest(0.9), Some(4));
        assert_eq!(super::Lines::default().nearest(0.5), None);
    }

    #[test]
    fn ticks_of_time_are_round_where_the_reader_lives() {
        const HOUR: f64 = 3_600_000.0;
        // Half past one in UTC; India is five and a half hours ahead.
        let start = 1_795_138_200_000.0;
        for (length, most) in [(300_000.0, 7), (HOUR, 7), (24.0 * HOUR, 7), (720.0 * HOUR, 7)] {
            let ticks = time_ticks((start, start + length), 330.0);
            assert!((3..=most).contains(&ticks.len()), "{length}: {ticks:?}");
            assert!(ticks.iter().all(|tick| (start..=start + length).contains(tick)));
        }
        let days = time_ticks((start, start + 120.0 * HOUR), 330.0);
        assert!(days.iter().all(|tick| (tick + 330.0 * 60_000.0) % (24.0 * HOUR) == 0.0));
    }

    #[test]
    fn a_sparkline_of_nothing_is_nothing() {
        assert_eq!(sparkline(&[0.0, 0.0]), None);
        assert_eq!(sparkline(&[3.0]), None);
        assert_eq!(sparkline(&[0.0, 2.0]).unwrap(), "M0.0 19.0L100.0 1.0");
    }
}
