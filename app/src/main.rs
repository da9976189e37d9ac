//! The console: a browser portal over the REST APIs, in WebAssembly.
//!
//! The address names a page ([`route`]), the page fetches through [`api`] and lays out what
//! [`components`] draw as [`markup`]; every word comes from [`text`].
//!
//! # Invariants
//! - Only `api` touches the network; `.clippy.toml` holds everyone else to it.
//! - What can be decided without a browser is plain Rust and tested natively
//!   ([`route`], [`format`], [`sample`], [`settings`]).
//!
//! # Deliberately absent
//! - Tokens: the session is an `HttpOnly` cookie that no script can read.

#![expect(unreachable_pub, reason = "leptos' component macro writes `pub` structs")]

mod api;
mod app;
mod chart;
mod compare;
mod components;
mod format;
mod guest;
mod layout;
mod locale;
mod markup;
mod navigation;
mod pages;
mod react;
mod recent;
mod route;
mod sample;
mod settings;
mod text;

fn main() {
    console_error_panic_hook::set_once();
    app::start();
}
