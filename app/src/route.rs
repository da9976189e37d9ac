//! Every page's address, parsed and written in one place: the URL is the console's state.
//!
//! A pathname becomes a [`Route`] and a `Route` becomes a pathname; ids are validated on the way
//! in, so a page never starts with one that cannot exist.
//!
//! # Invariants
//! - `Route::parse(route.href()) == route` for every route.
//! - The account is part of every address below it, so that a link means the same for everybody.

use shared::{ImageId, ManifestId, ModelId, OperationId, paths};

/// The root of every address.
const ROOT: &str = "/console";

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// Leads on to the overview of the first account.
    Home,
    /// Where a session begins.
    SignIn,
    /// A page of one account, named by its key.
    Account(String, Page),
    /// No page has this address.
    Unknown,
}

/// A page within an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Page {
    /// What runs, what happened, what to do first.
    Overview,
    /// Registered models.
    Models,
    /// Registers a model.
    NewModel,
    /// One version of a model, on one of its tabs.
    Model(ModelId, ModelTab),
    /// What images are made of.
    Manifests,
    /// Registers a manifest.
    NewManifest,
    /// One version of a manifest.
    Manifest(ManifestId),
    /// Packed models.
    Images,
    /// One version of an image.
    Image(ImageId),
    /// Deployed images.
    Services,
    /// From a model or an image to a service.
    Deploy,
    /// One service, by name, on one of its tabs.
    Service(String, ServiceTab),
    /// Long-running work.
    Operations,
    /// One operation.
    Operation(OperationId),
    /// Model management accounts.
    Accounts,
    /// Who may do what.
    Access(AccessTab),
    /// What this tab has changed, as commands.
    Changes,
    /// The design system.
    Design,
}

/// The parts of a model's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ModelTab {
    /// What it is, takes and gives.
    Summary,
    /// Its operators, drawn.
    Graph,
    /// Its versions, side by side.
    Versions,
}

impl ModelTab {
    /// In the order they are shown.
    pub(crate) const ALL: [Self; 3] = [Self::Summary, Self::Graph, Self::Versions];

    fn segment(self) -> Option<&'static str> {
        match self {
            Self::Summary => None,
            Self::Graph => Some("graph"),
            Self::Versions => Some("versions"),
        }
    }
}

/// The parts of the page about access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AccessTab {
    /// Who am I, and what may I do.
    Me,
    /// The clients that sign in with a secret.
    Principals,
    /// The people who sign in.
    People,
    /// The visitor's open sessions, and their password.
    Sessions,
    /// Who changed what.
    Audit,
}

impl AccessTab {
    /// In the order they are shown.
    pub(crate) const ALL: [Self; 5] =
        [Self::Me, Self::Principals, Self::People, Self::Sessions, Self::Audit];

    fn segment(self) -> Option<&'static str> {
        match self {
            Self::Me => None,
            Self::Principals => Some("principals"),
            Self::People => Some("people"),
            Self::Sessions => Some("sessions"),
            Self::Audit => Some("audit"),
        }
    }
}

/// The parts of a service's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ServiceTab {
    /// State and what it serves.
    Summary,
    /// What it does and did.
    Metrics,
    /// Calls it from the page.
    TryIt,
    /// What it served, and back to it.
    Deployments,
    /// The two keys.
    Keys,
    /// Its log, its traces, and the calls it kept.
    Records,
    /// Replicas and limits.
    Settings,
}

impl ServiceTab {
    /// In the order they are shown.
    pub(crate) const ALL: [Self; 7] = [
        Self::Summary,
        Self::Metrics,
        Self::TryIt,
        Self::Deployments,
        Self::Keys,
        Self::Settings,
        Self::Records,
    ];

    fn segment(self) -> Option<&'static str> {
        match self {
            Self::Summary => None,
            Self::Metrics => Some("metrics"),
            Self::TryIt => Some("try-it"),
            Self::Deployments => Some("deployments"),
            Self::Keys => Some("keys"),
            Self::Records => Some("records"),
            Self::Settings => Some("settings"),
        }
    }
}

impl Route {
    /// Reads a pathname; the query and the fragment belong to the page.
    pub(crate) fn parse(pathname: &str) -> Self {
        let Some(rest) = pathname.strip_prefix(ROOT) else { return Self::Unknown };
        let decoded: Option<Vec<String>> =
            rest.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let Some(parts) = decoded else { return Self::Unknown };
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();

        match parts.as_slice() {
            [] => Self::Home,
            ["sign-in"] => Self::SignIn,
            ["accounts", account, page @ ..] => match Page::parse(page) {
                Some(page) => Self::Account((*account).to_owned(), page),
                None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    /// Writes the pathname.
    pub(crate) fn href(&self) -> String {
        match self {
            Self::Home | Self::Unknown => format!("{ROOT}/"),
            Self::SignIn => paths::SIGN_IN.to_owned(),
            Self::Account(account, page) => {
                let mut href = format!("{ROOT}/accounts/{}", paths::encode(account));
                for part in page.segments() {
                    href.push('/');
                    href.push_str(&paths::encode(&part));
                }
                href
            }
        }
    }
}

impl Page {
    fn parse(parts: &[&str]) -> Option<Self> {
        Some(match parts {
            [] => Self::Overview,
            ["models"] => Self::Models,
            ["models", "new"] => Self::NewModel,
            ["models", id] => Self::Model(id.parse().ok()?, ModelTab::Summary),
            ["models", id, tab] => {
                let tab = ModelTab::ALL.into_iter().find(|t| t.segment() == Some(tab))?;
                Self::Model(id.parse().ok()?, tab)
            }
            ["manifests"] => Self::Manifests,
            ["manifests", "new"] => Self::NewManifest,
            ["manifests", id] => Self::Manifest(id.parse().ok()?),
            ["images"] => Self::Images,
            ["images", id] => Self::Image(id.parse().ok()?),
            ["services"] => Self::Services,
            ["deploy"] => Self::Deploy,
            ["services", name] => Self::Service((*name).to_owned(), ServiceTab::Summary),
            ["services", name, tab] => {
                let tab = ServiceTab::ALL.into_iter().find(|t| t.segment() == Some(tab))?;
                Self::Service((*name).to_owned(), tab)
            }
            ["operations"] => Self::Operations,
            ["operations", id] => Self::Operation(id.parse().ok()?),
            ["accounts"] => Self::Accounts,
            ["access"] => Self::Access(AccessTab::Me),
            ["access", tab] => {
                Self::Access(AccessTab::ALL.into_iter().find(|t| t.segment() == Some(tab))?)
            }
            ["changes"] => Self::Changes,
            ["design"] => Self::Design,
            _ => return None,
        })
    }

    fn segments(&self) -> Vec<String> {
        match self {
            Self::Overview => vec![],
            Self::Models => vec!["models".into()],
            Self::NewModel => vec!["models".into(), "new".into()],
            Self::Model(id, tab) => {
                let mut parts = vec!["models".into(), id.to_string()];
                parts.extend(tab.segment().map(Into::into));
                parts
            }
            Self::Manifests => vec!["manifests".into()],
            Self::NewManifest => vec!["manifests".into(), "new".into()],
            Self::Manifest(id) => vec!["manifests".into(), id.to_string()],
            Self::Images => vec!["images".into()],
            Self::Image(id) => vec!["images".into(), id.to_string()],
            Self::Services => vec!["services".into()],
            Self::Deploy => vec!["deploy".into()],
            Self::Service(name, tab) => {
                let mut parts = vec!["services".into(), name.clone()];
                parts.extend(tab.segment().map(Into::into));
                parts
            }
            Self::Operations => vec!["operations".into()],
            Self::Operation(id) => vec!["operations".into(), id.to_string()],
            Self::Accounts => vec!["accounts".into()],
            Self::Access(tab) => {
                let mut parts = vec!["access".into()];
                parts.extend(tab.segment().map(Into::into));
                parts
            }
            Self::Changes => vec!["changes".into()],
            Self::Design => vec!["design".into()],
        }
    }

    /// The list that a page belongs to: where to go in another account.
    pub(crate) fn section(self) -> Self {
        match self {
            Self::Overview => Self::Overview,
            Self::Models | Self::NewModel | Self::Model(..) => Self::Models,
            Self::Manifests | Self::NewManifest | Self::Manifest(_) => Self::Manifests,
            Self::Images | Self::Image(_) => Self::Images,
            Self::Services | Self::Deploy | Self::Service(..) => Self::Services,
            Self::Operations | Self::Operation(_) => Self::Operations,
            Self::Accounts => Self::Accounts,
            Self::Access(_) => Self::Access(AccessTab::Me),
            Self::Changes => Self::Changes,
            Self::Design => Self::Design,
        }
    }

    /// The same page on its first tab: what decides whether a page is built anew.
    pub(crate) fn without_tab(self) -> Self {
        match self {
            Self::Service(name, _) => Self::Service(name, ServiceTab::Summary),
            Self::Model(id, _) => Self::Model(id, ModelTab::Summary),
            Self::Access(_) => Self::Access(AccessTab::Me),
            other => other,
        }
    }
}

/// Undoes percent-encoding; `None` where it is broken or not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Where to go after signing in: only ever a page of ours.
pub(crate) fn safe_return(wanted: Option<&str>) -> String {
    match wanted {
        Some(path) if path.starts_with("/console/") && !path.starts_with(paths::SIGN_IN) => {
            path.to_owned()
        }
        _ => Route::Home.href(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_reads_back_what_it_wrote() {
        let id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
        let mut pages = vec![
            Page::Overview,
            Page::Models,
            Page::NewModel,
            Page::Manifests,
            Page::NewManifest,
            Page::Manifest(id.parse().unwrap()),
            Page::Images,
            Page::Image(id.parse().unwrap()),
            Page::Services,
            Page::Deploy,
            Page::Operations,
            Page::Operation(id.parse().unwrap()),
            Page::Accounts,
            Page::Changes,
            Page::Design,
        ];
        pages.extend(ModelTab::ALL.map(|tab| Page::Model(id.parse().unwrap(), tab)));
        pages.extend(AccessTab::ALL.map(Page::Access));
        pages.extend(ServiceTab::ALL.map(|tab| Page::Service("breast-cancer".into(), tab)));

        for page in pages {
            let route = Route::Account("group~my acc/ount".into(), page);
            assert_eq!(Route::parse(&route.href()), route, "{}", route.href());
        }
        assert_eq!(Route::parse("/console/"), Route::Home);
        assert_eq!(Route::parse("/console"), Route::Home);
        assert_eq!(Route::parse(paths::SIGN_IN), Route::SignIn);
    }

    #[test]
    fn addresses_without_a_page_are_unknown() {
        for path in [
            "/",
            "/console/models",
            "/console/accounts/a/models/not-an-id",
            "/console/accounts/a/services/s/nope",
            "/console/accounts/%zz",
        ] {
            assert_eq!(Route::parse(path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn the_return_address_never_leaves_the_console() {
        assert_eq!(safe_return(Some("/console/accounts/a")), "/console/accounts/a");
        for hostile in ["https://evil.example/", "//evil.example", "/console.evil", "javascript:1"]
        {
            assert_eq!(safe_return(Some(hostile)), "/console/", "{hostile}");
        }
        assert_eq!(safe_return(Some("/console/sign-in?return=/console/")), "/console/");
    }
}
