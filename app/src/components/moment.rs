//! A moment in time, as far from now as the reader's language says it.

use js_sys::Date;
use leptos::prelude::*;
use shared::Timestamp;
use wasm_bindgen::JsValue;

use crate::{format::relative_unit, locale, markup::view};

/// Ticks while the site is open, so that "1 minute ago" does not grow stale.
#[derive(Clone, Copy)]
pub(crate) struct Clock(pub(crate) RwSignal<f64>);

impl Clock {
    /// Starts the one clock of the site.
    pub(crate) fn start() -> Self {
        let now = RwSignal::new(Date::now());
        let _ = set_interval_with_handle(
            move || now.set(Date::now()),
            std::time::Duration::from_secs(10),
        );
        Self(now)
    }
}

/// How long ago, with the full date and time as its title.
#[component]
pub(crate) fn Moment(at: Timestamp) -> impl IntoView {
    let clock = expect_context::<Clock>();
    let time = Date::new(&JsValue::from_str(&at)).get_time();
    let full = locale::full_date(time);
    let relative = move || {
        let (amount, unit) = relative_unit((time - clock.0.get()) / 1000.0);
        locale::relative(amount, unit)
    };
    view! { <time datetime=at title=full>{relative}</time> }
}
