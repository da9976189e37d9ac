//! A moment in time, as far from now as the reader's language says it.

use js_sys::{Array, Date, Intl, Object, Reflect};
use leptos::prelude::*;
use shared::Timestamp;
use wasm_bindgen::JsValue;

use crate::{format::relative_unit, text::language};

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
    let full = full_date(time);
    let relative = move || relative(time, clock.0.get());
    view! { <time datetime=at title=full>{relative}</time> }
}

fn relative(time: f64, now: f64) -> String {
    let locales = Array::of1(&JsValue::from_str(language().tag()));
    let options = Object::new();
    let _ = Reflect::set(&options, &"numeric".into(), &"auto".into());
    let (amount, unit) = relative_unit((time - now) / 1000.0);
    Intl::RelativeTimeFormat::new(&locales, &options).format(amount, unit).into()
}

fn full_date(time: f64) -> String {
    let options = Object::new();
    let _ = Reflect::set(&options, &"dateStyle".into(), &"medium".into());
    let _ = Reflect::set(&options, &"timeStyle".into(), &"medium".into());
    Date::new(&JsValue::from_f64(time)).to_locale_string(language().tag(), &options).into()
}
