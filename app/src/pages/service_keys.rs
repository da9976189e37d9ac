//! A service's two keys: hidden, copied, replaced one at a time.

use leptos::prelude::*;
use shared::{AuthKeys, KeyType, Service};
use wasm_bindgen_futures::spawn_local;

use crate::{
    api::{AccountClient, EdgeError, Known, Query},
    app::use_account,
    components::{
        Button, ButtonKind, ConfirmDialog, Empty, Glyph, KeyValue, KeyValues, Loaded, Panel,
        Secret, use_toasts,
    },
    markup::view,
    react::{derive, memo},
    text::{fill, t},
};

/// Keys on a page: equality is decided by their text, their `Debug` shows nothing.
#[derive(Clone, PartialEq)]
pub(super) struct ShownKeys(pub(super) AuthKeys);

/// Fetches the keys of a service.
pub(super) async fn fetch_keys(client: AccountClient, id: String) -> Result<ShownKeys, EdgeError> {
    client.service_keys(id).await.map(ShownKeys)
}

/// The two keys.
#[component]
pub(super) fn Keys(service: Known<Service>) -> impl IntoView {
    let account = use_account();
    if !account.may_read_keys() {
        return view! { <Empty glyph=Glyph::Key title=t().keys_forbidden hint=t().keys_forbidden_hint /> };
    }
    let id = memo(move || service.with(|it| it.id.to_string()));
    let client = account.client.clone();
    let keys = Query::new(move || fetch_keys(client.clone(), id.get()));
    view! {
        <Panel id="keys" title=t().keys>
            <p class="lead">{t().keys_hint}</p>
            <Loaded query=keys let:shown>
                <KeyValues>
                    <OneKey which=KeyType::Primary id keys shown />
                    <OneKey which=KeyType::Secondary id keys shown />
                </KeyValues>
            </Loaded>
        </Panel>
    }
}

#[component]
fn OneKey(
    which: KeyType,
    id: Memo<String>,
    keys: Query<ShownKeys>,
    shown: Known<ShownKeys>,
) -> impl IntoView {
    let client = use_account().client;
    let toasts = use_toasts();
    let (open, busy) = (RwSignal::new(false), RwSignal::new(false));
    let name = match which {
        KeyType::Primary => t().primary_key,
        KeyType::Secondary => t().secondary_key,
    };
    let value = derive(move || {
        shown.with(|ShownKeys(keys)| match which {
            KeyType::Primary => keys.primary_key.clone(),
            KeyType::Secondary => keys.secondary_key.clone(),
        })
    });
    let regenerate = move |()| {
        let (client, id) = (client.clone(), id.get_untracked());
        busy.set(true);
        spawn_local(async move {
            match client.regenerate_key(id, which).await {
                Ok(_) => toasts.say(fill(t().key_regenerated, &[("key", name)])),
                Err(error) => toasts.warn(fill(t().key_not_regenerated, &[("why", &error.said())])),
            }
            busy.try_set(false);
            keys.refetch();
        });
    };
    view! {
        <KeyValue name=name>
            <div class="key">
                <Secret label=name value />
                <Button
                    label=t().regenerate
                    icon=Glyph::Refresh
                    kind=ButtonKind::Quiet
                    busy
                    on_press=move |()| open.set(true)
                />
            </div>
            <ConfirmDialog
                open
                title=fill(t().regenerate_title, &[("key", name)])
                confirm=t().regenerate
                on_confirm=regenerate
            >
                <p>{t().regenerate_hint}</p>
            </ConfirmDialog>
        </KeyValue>
    }
}
