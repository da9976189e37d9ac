//! What every service does, counted while it happens, kept for thirty days, and told second by second.
//!
//! A scoring call is a [`Call`]: it notes the time of each stage in its service's [`Meter`], which
//! only grows. Once a second the [`ticker`] takes what was added since, as a [`Sample`]; samples go
//! to live readers ([`live`]) and add up to rows of ten seconds in the store ([`history`]), which
//! later become rows of a minute and of ten minutes. `/metrics` reads the meters themselves.
//!
//! # Invariants
//! - Recording takes no lock: a call adds to atomic counters and nothing else.
//! - Live seconds, history and `/metrics` come from the same counters, so they agree.
//! - A crash loses what was counted since the last row was written: at most ten seconds.
//!
//! # Deliberately absent
//! - Dimensions beyond the service: whoever wants more scrapes `/metrics` and asks there.

mod call;
mod exposed;
mod histogram;
mod history;
mod live;
mod process;
mod question;
mod sample;
mod store;
mod ticker;

pub use call::{Call, Meter, Outcome, Stage};
pub use exposed::{Exposed, ExposedKind, ExposedSeries, ExposedValue};
pub use histogram::{AtomicHistogram, Histogram, SCHEMA, ZERO_THRESHOLD};
pub use live::{From as LiveFrom, Live};
pub use question::MetricsQuery;
pub(crate) use ticker::Metrics;
