//! The reader's language and locale: chosen at the start, kept in this browser, used by the
//! browser's own formatters for numbers and dates.
//!
//! The locale is the browser's where it is one of the language (`en-GB` for English), else the
//! language itself: a date in another language than the words around it helps nobody.

use js_sys::{Array, Date, Function, Intl, JsString, Number, Object, Reflect};
use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::text::{Language, language, speak};

const KEY: &str = "edge-scorer.language";
/// Most digits after the point that [`decimal`] writes.
const DIGITS: usize = 4;

struct Formats {
    numbers: Vec<Function>,
    relative: Intl::RelativeTimeFormat,
    full: Function,
}

thread_local! {
    // Making a formatter costs more than using it a thousand times.
    static FORMATS: Formats = Formats::new(&tag());
}

/// Settles language and locale before anything is drawn.
pub(crate) fn start() {
    let kept = storage().and_then(|kept| kept.get_item(KEY).ok().flatten());
    let browser = browser_languages();
    speak(Language::choose(kept.as_deref(), browser.iter().map(String::as_str)));
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", language().tag());
    }
}

/// Keeps a language and loads the page again in it.
pub(crate) fn change(language: Language) {
    if let Some(kept) = storage() {
        let _ = kept.set_item(KEY, language.tag());
    }
    let _ = window().location().reload();
}

/// A number with at most four digits after the point.
pub(crate) fn decimal(value: f64, digits: usize) -> String {
    FORMATS.with(|formats| {
        let format = &formats.numbers[digits.min(DIGITS)];
        text_of(format.call1(&JsValue::NULL, &JsValue::from_f64(value)))
    })
}

/// The number that a text spells, as JavaScript reads it.
pub(crate) fn parsed(text: &str) -> Option<f64> {
    f64::try_from(JsValue::from_str(text)).ok().filter(|number| !number.is_nan())
}

/// A text in small letters.
pub(crate) fn small_letters(text: &str) -> String {
    JsString::from(text).to_lower_case().into()
}

/// A number of so many digits.
pub(crate) fn rounded(value: f64, digits: u8) -> Option<f64> {
    let text = Number::from(value).to_precision(digits).ok()?;
    parsed(&String::from(text))
}

/// `1.2e-7`.
pub(crate) fn exponent(value: f64) -> String {
    Number::from(value).to_exponential(1).map_or_else(|_| String::new(), String::from)
}

/// `3 minutes ago`.
pub(crate) fn relative(amount: f64, unit: &str) -> String {
    FORMATS.with(|formats| formats.relative.format(amount, unit).into())
}

/// A date with its time.
pub(crate) fn full_date(time: f64) -> String {
    FORMATS.with(|formats| {
        text_of(formats.full.call1(&JsValue::NULL, &Date::new(&JsValue::from_f64(time))))
    })
}

impl Formats {
    fn new(tag: &str) -> Self {
        let locales = Array::of1(&JsValue::from_str(tag));
        let number = |digits: usize| {
            let digits = JsValue::from_f64(digits as f64);
            let options = options(&[
                ("minimumFractionDigits", digits.clone()),
                ("maximumFractionDigits", digits),
            ]);
            Intl::NumberFormat::new(&locales, &options).format()
        };
        let full = options(&[("dateStyle", "medium".into()), ("timeStyle", "medium".into())]);
        Self {
            numbers: (0..=DIGITS).map(number).collect(),
            relative: Intl::RelativeTimeFormat::new(
                &locales,
                &options(&[("numeric", "auto".into())]),
            ),
            full: Intl::DateTimeFormat::new(&locales, &full).format(),
        }
    }
}

fn options(members: &[(&str, JsValue)]) -> Object {
    let options = Object::new();
    for (name, value) in members {
        let _ = Reflect::set(&options, &JsValue::from_str(name), value);
    }
    options
}

fn text_of(said: Result<JsValue, JsValue>) -> String {
    said.ok().and_then(|said| said.as_string()).unwrap_or_default()
}

fn tag() -> String {
    let spoken = language();
    let browser = browser_languages();
    let own = browser.into_iter().find(|tag| Language::of_tag(tag) == Some(spoken));
    own.unwrap_or_else(|| spoken.tag().to_owned())
}

fn browser_languages() -> Vec<String> {
    let listed = Reflect::get(&window().navigator(), &"languages".into());
    let listed = listed.ok().and_then(|listed| listed.dyn_into::<Array>().ok());
    listed.iter().flat_map(Array::iter).filter_map(|tag| tag.as_string()).collect()
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}
