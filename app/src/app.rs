//! The composition: who is signed in, which account and page the address names, and the frame.

use leptos::prelude::*;
use shared::{Me, paths};
use wasm_bindgen_futures::spawn_local;

use crate::{
    api::{AccountClient, AccountRef, EdgeClient, Query},
    components::{
        Clock, Glyph, Icon, Loaded, NavItem, Shell, ToastBox, use_toasts, wear_kept_theme,
    },
    locale,
    markup::{IntoMarkup as _, view},
    navigation::{Navigation, use_navigation},
    pages::{self, Deploying},
    react::{derive, memo, react},
    route::{AccessTab, Page, Route},
    text::{fill, t},
};

/// Who is signed in and what they may see; everything a page needs to know of the session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    pub(crate) me: Me,
    pub(crate) accounts: Vec<AccountRef>,
}

impl Session {
    /// Whether the visitor may manage who else may do what.
    pub(crate) fn may_manage_access(&self) -> bool {
        self.me.actions.iter().any(|action| action == "access")
    }

    fn without_token(&self) -> Self {
        Self { me: Me { csrf_token: None, ..self.me.clone() }, accounts: self.accounts.clone() }
    }

    /// The account of a key.
    fn current(&self, edge: EdgeClient, key: &str) -> Option<CurrentAccount> {
        let account = self.accounts.iter().find(|account| account.key == key)?;
        Some(CurrentAccount {
            client: AccountClient::new(edge, account.path.clone()),
            key: key.to_owned(),
            actions: self.me.actions.clone(),
        })
    }
}

/// The account that the address names.
#[derive(Debug, Clone)]
pub(crate) struct CurrentAccount {
    /// Its calls.
    pub(crate) client: AccountClient,
    key: String,
    actions: Vec<String>,
}

impl CurrentAccount {
    /// The address of a page of this account.
    pub(crate) fn href(&self, page: Page) -> String {
        Route::Account(self.key.clone(), page).href()
    }

    /// Whether the visitor may change things here.
    pub(crate) fn may_write(&self) -> bool {
        self.actions.iter().any(|action| action == "write")
    }

    /// Whether the visitor may read service keys.
    pub(crate) fn may_read_keys(&self) -> bool {
        self.actions.iter().any(|action| action == "keys")
    }
}

/// The account of the page that calls this.
pub(crate) fn use_account() -> CurrentAccount {
    expect_context::<CurrentAccount>()
}

/// Whether the frame has been drawn for somebody.
#[derive(Clone, Copy)]
struct BeenIn(RwSignal<bool>);

/// Draws the site.
pub(crate) fn start() {
    wear_kept_theme();
    locale::start();
    if let Some(boot) = document().get_element_by_id("boot") {
        boot.remove();
    }
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let navigation = Navigation::start();
    let edge = EdgeClient::new();
    provide_context(navigation);
    provide_context(edge);
    provide_context(edge.reachable());
    provide_context(ToastBox::new(edge.changes()));
    provide_context(Clock::start());
    provide_context(Deploying::new());

    let route = navigation.route();
    // Who has not been in yet is led to the sign-in; who was in signs in over the page.
    let been_in = RwSignal::new(false);
    provide_context(BeenIn(been_in));
    react(move || {
        let outside = route.get_untracked() == Route::SignIn || been_in.get_untracked();
        if edge.signed_out().get() && !outside {
            let back = paths::encode(&navigation.current());
            navigation.replace(&format!("{}?return={back}", paths::SIGN_IN));
        }
    });
    let outside = memo(move || route.get() == Route::SignIn);
    let content = move || {
        if outside.get() {
            been_in.set(false);
            view! { <pages::SignInPage /> }
        } else {
            edge.signed_out().set(false);
            view! { <Inside route /> }
        }
    };
    content.into_markup()
}

/// Everything behind the sign-in.
#[component]
fn Inside(route: Memo<Route>) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let session = Query::new(move || {
        edge.accounts_change().track();
        async move {
            let me = edge.me().await?;
            let accounts = edge.accounts().await?;
            Ok(Session { me, accounts })
        }
    });
    view! {
        <Loaded query=session let:session>
            {
                // A new CSRF token is no reason to draw everything again; another account is.
                let shown = memo(move || session.with(Session::without_token));
                move || view! { <Frame route session=shown.get() /> }
            }
        </Loaded>
    }
}

#[component]
fn Frame(route: Memo<Route>, session: Session) -> impl IntoView {
    let navigation = use_navigation();
    let edge = expect_context::<EdgeClient>();
    expect_context::<BeenIn>().0.set(true);
    let first = session.accounts.first().map(|account| account.key.clone()).unwrap_or_default();
    let known: Vec<String> = session.accounts.iter().map(|account| account.key.clone()).collect();

    let home = first.clone();
    react(move || {
        if route.get() == Route::Home && !home.is_empty() {
            navigation.replace(&Route::Account(home.clone(), Page::Overview).href());
        }
    });

    let key = memo(move || match route.get() {
        Route::Account(key, _) => key,
        _ => first.clone(),
    });
    let items = move || nav_items(&key.get());
    let current = move || match route.get() {
        Route::Account(_, page) => nav_place(&page),
        _ => None,
    };
    let footer = view! { <SessionMenu session=session.clone() key route /> };

    // A page is built anew when its address changes, but not when only its tab does.
    let shown = memo(move || match route.get() {
        Route::Account(key, page) if known.contains(&key) => Some((key, page.without_tab())),
        _ => None,
    });
    let palette_open = RwSignal::new(false);
    let known_accounts = session.clone();
    let palette = move || {
        let account = known_accounts.current(edge, &key.get())?;
        Some(view! { <pages::Places account open=palette_open /> })
    };
    let waiting = memo(move || route.get() == Route::Home);
    let nobody = session.accounts.is_empty();
    let content = move || match shown.get() {
        Some((key, page)) => {
            if let Some(account) = session.current(edge, &key) {
                provide_context(account);
            }
            provide_context(session.clone());
            pages::page(page)
        }
        None if nobody => view! { <pages::NoAccountPage /> },
        None if waiting.get() => ().into_markup(),
        None => view! { <pages::NotFoundPage /> },
    };
    view! {
        <Shell
            home=derive(move || Route::Account(key.get(), Page::Overview).href())
            items=derive(items)
            current=derive(current)
            page=derive(move || route.get().href())
            away=edge.reachable().away()
            on_search=move |()| palette_open.set(true)
            footer
        >
            {content}
        </Shell>
        {palette}
        <pages::SignInAgain />
    }
}

/// What stands in the navigation; the palette knows the other pages too.
const NAVIGATION: [Page; 8] = [
    Page::Overview,
    Page::Models,
    Page::Manifests,
    Page::Images,
    Page::Services,
    Page::Operations,
    Page::Accounts,
    Page::Access(AccessTab::Me),
];

fn nav_items(key: &str) -> Vec<NavItem> {
    pages::named_pages()
        .into_iter()
        .filter(|(page, ..)| NAVIGATION.contains(page))
        .map(|(page, label, glyph)| NavItem {
            label,
            glyph,
            href: Route::Account(key.to_owned(), page).href(),
        })
        .collect()
}

/// The entry of the navigation that a page belongs to.
fn nav_place(page: &Page) -> Option<usize> {
    let section = page.clone().section();
    NAVIGATION.iter().position(|page| *page == section)
}

/// Who is signed in, where, and the way out.
#[component]
fn SessionMenu(session: Session, key: Memo<String>, route: Memo<Route>) -> impl IntoView {
    let navigation = use_navigation();
    let (edge, toasts) = (expect_context::<EdgeClient>(), use_toasts());
    let sign_out = move |_| {
        spawn_local(async move {
            match edge.sign_out().await {
                Ok(()) => navigation.go(paths::SIGN_IN),
                Err(error) => toasts.warn(fill(t().sign_out_failed, &[("why", &error.message)])),
            }
        });
    };
    let choose = move |event| {
        let chosen = event_target_value(&event);
        let page = match route.get_untracked() {
            Route::Account(_, page) => page.section(),
            _ => Page::Overview,
        };
        navigation.go(&Route::Account(chosen, page).href());
    };
    let many = session.accounts.len() > 1;
    let options = session
        .accounts
        .iter()
        .map(|account| {
            let own = account.key.clone();
            let label = format!("{} · {}", account.name, account.resource_group);
            view! {
                <option value=account.key.clone() selected=move || key.with(|key| *key == own)>
                    {label}
                </option>
            }
        })
        .collect_view();
    let only = session.accounts.first().map(|account| account.name.clone());
    let account = if many {
        view! {
            <label class="shell-label" for="account">{t().account}</label>
            <select id="account" class="shell-select" on:change=choose>{options}</select>
        }
    } else {
        view! {
            <p class="shell-label">{t().account}</p>
            <p class="shell-value">{only}</p>
        }
    };
    let roles: Vec<&str> = {
        let mut roles: Vec<_> = session.me.roles.iter().map(|held| held.role.as_str()).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    };
    view! {
        <div class="shell-account">{account}</div>
        <div class="shell-user">
            <Icon glyph=Glyph::User />
            <span class="shell-value">{session.me.name.clone()}</span>
            <span class="shell-label">{roles.join(", ")}</span>
        </div>
        <button type="button" class="shell-button" on:click=sign_out>
            <Icon glyph=Glyph::SignOut />
            <span>{t().sign_out}</span>
        </button>
    }
}
