//! Line icons, drawn inline so that they take the colour of the text beside them.

use leptos::prelude::*;

use crate::markup::view;

/// What an icon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Glyph {
    Overview,
    Model,
    Image,
    Service,
    Operation,
    Upload,
    Check,
    Cross,
    Warning,
    Info,
    Clock,
    Spinner,
    Stop,
    Copy,
    Eye,
    EyeOff,
    Refresh,
    Trash,
    Play,
    Menu,
    Sun,
    Moon,
    Auto,
    SignOut,
    Key,
    Search,
    Download,
    Rocket,
    Back,
    User,
    Globe,
    Manifest,
    Account,
    Access,
    Palette,
    Graph,
    Chip,
    Edit,
    Plus,
    Sort,
    Terminal,
}

impl Glyph {
    /// Every one, for the page that shows them.
    pub(crate) const ALL: [Self; 41] = [
        Self::Overview,
        Self::Model,
        Self::Image,
        Self::Service,
        Self::Operation,
        Self::Upload,
        Self::Check,
        Self::Cross,
        Self::Warning,
        Self::Info,
        Self::Clock,
        Self::Spinner,
        Self::Stop,
        Self::Copy,
        Self::Eye,
        Self::EyeOff,
        Self::Refresh,
        Self::Trash,
        Self::Play,
        Self::Menu,
        Self::Sun,
        Self::Moon,
        Self::Auto,
        Self::SignOut,
        Self::Key,
        Self::Search,
        Self::Download,
        Self::Rocket,
        Self::Back,
        Self::User,
        Self::Globe,
        Self::Manifest,
        Self::Account,
        Self::Access,
        Self::Palette,
        Self::Graph,
        Self::Chip,
        Self::Edit,
        Self::Plus,
        Self::Sort,
        Self::Terminal,
    ];

    /// Path data on a 24 by 24 grid, stroke 1.75.
    fn path(self) -> &'static str {
        match self {
            Self::Overview => "M4 4h7v9H4zM13 4h7v5h-7zM13 12h7v8h-7zM4 16h7v4H4z",
            Self::Model => "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4.3 7.7L12 12l7.7-4.3M12 12v8.7",
            Self::Image => {
                "M12 4l9 4.5-9 4.5-9-4.5zM3.5 12.3L12 16.5l8.5-4.2M3.5 16L12 20.3l8.5-4.3"
            }
            Self::Service => "M4 5h16v6H4zM4 13h16v6H4zM7.5 8h.01M7.5 16h.01M11 8h5M11 16h5",
            Self::Operation => "M3 12h4l2.5-7 5 14 2.5-7h4",
            Self::Upload => "M12 16V4M7 9l5-5 5 5M4 16v3a1 1 0 001 1h14a1 1 0 001-1v-3",
            Self::Check => "M5 12.5l4.5 4.5L19 7.5",
            Self::Cross => "M6 6l12 12M18 6L6 18",
            Self::Warning => "M12 4L2.8 20h18.4zM12 10v4.5M12 17.3v.01",
            Self::Info => "M12 21a9 9 0 100-18 9 9 0 000 18zM12 11v5.5M12 7.6v.01",
            Self::Clock => "M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3.5 2",
            Self::Spinner => "M12 3a9 9 0 019 9",
            Self::Stop => "M12 21a9 9 0 100-18 9 9 0 000 18zM5.6 5.6l12.8 12.8",
            Self::Copy => "M9 9h11v11H9zM5 15H4V4h11v1",
            Self::Eye => {
                "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 100-6 3 3 0 000 6z"
            }
            Self::EyeOff => {
                "M4 4l16 16M9.9 5.7A9.6 9.6 0 0112 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 01-3 3.6M6.2 7.3A17 17 0 002.5 12S6 18.5 12 18.5a9.3 9.3 0 004.5-1.2M10 10a3 3 0 004.2 4.2"
            }
            Self::Refresh => "M20 5v5h-5M4 19v-5h5M19.4 10A8 8 0 005.5 7.5M4.6 14a8 8 0 0013.9 2.5",
            Self::Trash => "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
            Self::Play => "M7 4.5v15l12-7.5z",
            Self::Menu => "M4 6h16M4 12h16M4 18h16",
            Self::Sun => {
                "M12 16.5a4.5 4.5 0 100-9 4.5 4.5 0 000 9zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4"
            }
            Self::Moon => "M20 14.5A8.5 8.5 0 119.5 4a7 7 0 0010.5 10.5z",
            Self::Auto => "M12 21a9 9 0 100-18 9 9 0 000 18zM12 3v18M15 6.5v11M18 9v6",
            Self::SignOut => "M14 4h5a1 1 0 011 1v14a1 1 0 01-1 1h-5M4 12h11M8 8l-4 4 4 4",
            Self::Key => "M8 16.5a4.5 4.5 0 100-9 4.5 4.5 0 000 9zM12.5 12H21v3.5M17 12v3",
            Self::Search => "M10.5 17a6.5 6.5 0 100-13 6.5 6.5 0 000 13zM15.3 15.3L20 20",
            Self::Download => "M12 4v12M7 11l5 5 5-5M4 20h16",
            Self::Rocket => {
                "M12 15l-3-3c1-4 4-8 10.5-8.5C19 10 15 13.5 12 15zM9 12l-4 .5L3.5 15l4 .5M12 15l-.5 4L9 20.5l-.5-4M15 9.01V9"
            }
            Self::Back => "M11 5l-7 7 7 7M4 12h16",
            Self::Globe => {
                "M12 21a9 9 0 100-18 9 9 0 000 18zM3.5 9h17M3.5 15h17M12 3c-5 5.5-5 12.5 0 18M12 3c5 5.5 5 12.5 0 18"
            }
            Self::Manifest => "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
            Self::Account => "M4 20V8l8-4 8 4v12zM9 20v-5h6v5M9 10.5h.01M15 10.5h.01",
            Self::Access => "M12 3l7.5 3v6c0 4.5-3 7.5-7.5 9-4.5-1.5-7.5-4.5-7.5-9V6zM9 12l2 2 4-4",
            Self::Palette => {
                "M9 9H6.5A2.5 2.5 0 119 6.5zM9 9h6v6H9zM15 9V6.5A2.5 2.5 0 1117.5 9zM15 15h2.5a2.5 2.5 0 11-2.5 2.5zM9 15v2.5A2.5 2.5 0 116.5 15z"
            }
            Self::Graph => {
                "M5 7a2 2 0 100-4 2 2 0 000 4zM19 7a2 2 0 100-4 2 2 0 000 4zM12 21a2 2 0 100-4 2 2 0 000 4zM5 7v3a3 3 0 003 3h8a3 3 0 003-3V7M12 13v4"
            }
            Self::Chip => {
                "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4"
            }
            Self::Edit => "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Sort => "M8 5v14M8 5L5 8M8 5l3 3M16 19V5M16 19l-3-3M16 19l3-3",
            Self::Terminal => "M3 5h18v14H3zM7 9l3 3-3 3M12.5 15H17",
            Self::User => "M12 12a4 4 0 100-8 4 4 0 000 8zM4 20.5c1-4 4-5.5 8-5.5s7 1.5 8 5.5",
        }
    }
}

/// An icon beside words; it says nothing to a screen reader.
#[component]
pub(crate) fn Icon(
    /// What it shows.
    glyph: Glyph,
) -> impl IntoView {
    let class = if glyph == Glyph::Spinner { "icon icon-turning" } else { "icon" };
    view! {
        <svg class=class viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d=glyph.path() />
        </svg>
    }
}
