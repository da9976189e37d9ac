//! The design system: look and keyboard behaviour, without a noun of the domain.
//!
//! # Invariants
//! - Every control is a real `<button>`, `<a>`, `<input>` with a label; colour is never alone.
//! - No `style` attributes: the content security policy forbids them.

mod badge;
mod button;
mod cells;
mod chart;
mod choice;
mod code;
mod dialog;
mod drawing;
mod empty;
mod failure;
mod field;
mod file_drop;
mod form_dialog;
mod icon;
mod key_values;
mod loaded;
mod moment;
mod page_header;
mod paged;
mod palette;
mod panel;
mod progress;
mod search_box;
mod secret;
mod shell;
mod table;
mod tabs;
mod theme;
mod toast;

pub(crate) use badge::{Badge, StateBadge, Tone};
pub(crate) use button::{Button, ButtonKind, LinkButton};
pub(crate) use cells::{Cell, Row};
pub(crate) use chart::{Chart, Sparkline};
pub(crate) use code::{CodeBlock, CopyButton};
pub(crate) use dialog::ConfirmDialog;
pub(crate) use drawing::{Drawing, DrawnNode};
pub(crate) use empty::Empty;
pub(crate) use failure::FailureNote;
pub(crate) use field::{CheckField, Field, SelectField, TextArea};
pub(crate) use file_drop::FileDrop;
pub(crate) use form_dialog::FormDialog;
pub(crate) use icon::{Glyph, Icon};
pub(crate) use key_values::{KeyValue, KeyValues};
pub(crate) use loaded::Loaded;
pub(crate) use moment::{Clock, Moment};
pub(crate) use page_header::{Crumb, PageHeader};
pub(crate) use paged::{Column, PagedTable, Slice, Source};
pub(crate) use palette::{Palette, Place};
pub(crate) use panel::Panel;
pub(crate) use progress::ProgressBar;
pub(crate) use search_box::SearchBox;
pub(crate) use secret::Secret;
pub(crate) use shell::{Mark, NavItem, Shell};
pub(crate) use table::{Rows, Table};
pub(crate) use tabs::{Tab, Tabs};
pub(crate) use theme::{LanguageChoice, ThemeChoice, wear_kept_theme};
pub(crate) use toast::{ToastBox, use_toasts};
