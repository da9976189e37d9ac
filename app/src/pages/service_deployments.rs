//! What a service serves and served, and the way back to an earlier image.

use leptos::prelude::*;
use shared::{Deployment, Image, ImageId, OperationState, Service, ServiceUpdateRequest};
use wasm_bindgen_futures::spawn_local;

use super::state::State;
use crate::{
    api::{Known, Query},
    app::use_account,
    compare::differing,
    components::{
        Button, ButtonKind, ConfirmDialog, Empty, Glyph, Loaded, Moment, Panel, Table, use_toasts,
    },
    markup::view,
    react::memo,
    route::Page,
    text::{fill, t},
};

/// Newest first; every image but the serving one can be gone back to.
#[component]
pub(super) fn Deployments(
    service: Known<Service>,
    /// Tells the page that the service is no longer what it was.
    #[prop(into)]
    changed: Callback<()>,
) -> impl IntoView {
    let account = use_account();
    // Fetched again whenever the service becomes another one.
    let mark = memo(move || service.with(|it| (it.id, it.updated_at.clone(), it.state)));
    let client = account.client.clone();
    let deployments = Query::new(move || {
        let id = mark.with(|(id, ..)| id.to_string());
        let client = client.clone();
        async move {
            let deployments = client.clone().deployments(id).await?;
            let images = client.list_images().await?;
            let known = |id| images.iter().find(|image: &&Image| image.id == id).cloned();
            Ok(deployments.into_iter().map(|it| (known(it.image_id), it)).collect::<Vec<_>>())
        }
    });
    let going_back = RwSignal::new(None::<ImageId>);
    let open = RwSignal::new(false);
    let toasts = use_toasts();
    let (client, may_write) = (account.client.clone(), account.may_write());
    let roll_back = move |()| {
        let Some(image) = going_back.get_untracked() else { return };
        let (client, id) = (client.clone(), service.with_untracked(|it| it.id.to_string()));
        spawn_local(async move {
            let request =
                ServiceUpdateRequest { image_id: Some(image.to_string()), ..Default::default() };
            let done = match client.update_service(&id, &request).await {
                Ok(started) => client.finished(started.0, |_| ()).await.map(drop),
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => toasts.say(t().rolled_back),
                Err(error) => toasts.warn(fill(t().not_rolled_back, &[("why", &error.said())])),
            }
            changed.try_run(());
        });
    };
    let differs = RwSignal::new(None::<String>);
    let asking = account.client.clone();
    let say_difference = move |now: ImageId, then: ImageId, name: String| {
        differs.set(None);
        let client = asking.clone();
        let serving = service.with_untracked(|it| {
            it.image.as_ref().map(|it| format!("{} v{}", it.name, it.version)).unwrap_or_default()
        });
        spawn_local(async move {
            let (Ok(left), Ok(right)) =
                (client.clone().image_signature(now).await, client.image_signature(then).await)
            else {
                return;
            };
            let names = differing(t().input, t().output, &left, &right);
            let list = if names.is_empty() {
                t().same_signature.to_owned()
            } else {
                fill(t().other_signature, &[("list", &names.join(", "))])
            };
            differs.try_set(Some(fill(
                t().rolls_back_to,
                &[("now", &serving), ("then", &name), ("differs", &list)],
            )));
        });
    };
    let row = move |(image, deployment): (Option<Image>, Deployment)| {
        let href = account.href(Page::Image(deployment.image_id));
        let id = deployment.image_id;
        let label = image.map_or_else(
            || id.to_string().chars().take(8).collect(),
            |image| format!("{} v{}", image.name, image.version),
        );
        let serving =
            deployment.expired_at.is_none() && deployment.state == OperationState::Succeeded;
        let name = label.clone();
        let say_difference = say_difference.clone();
        let back = move || {
            let now = service.with(|it| it.image_id);
            let say_difference = say_difference.clone();
            (may_write && now != id && deployment.state == OperationState::Succeeded).then(|| {
                let name = name.clone();
                let press = move |()| {
                    going_back.set(Some(id));
                    open.set(true);
                    say_difference(now, id, name.clone());
                };
                view! { <Button label=t().roll_back icon=Glyph::Back kind=ButtonKind::Quiet on_press=press /> }
            })
        };
        let word = if serving { t().serving } else { t().served };
        view! {
            <tr>
                <th scope="row"><a href=href>{label}</a></th>
                <td><State state=deployment.state succeeded=word /></td>
                <td><Moment at=deployment.created_at /></td>
                <td>{deployment.expired_at.map(|at| view! { <Moment at /> })}</td>
                <td>{back}</td>
            </tr>
        }
    };
    view! {
        <Panel id="deployments" title=t().deployments>
            <Loaded query=deployments let:rows>
                {
                    let row = row.clone();
                    move || {
                        if rows.with(Vec::is_empty) {
                            return view! {
                                <Empty
                                    glyph=Glyph::Clock
                                    title=t().deployments_empty
                                    hint=t().deployments_empty_hint
                                />
                            };
                        }
                        let row = row.clone();
                        view! {
                <Table
                    caption=t().deployments
                    columns=vec![t().image, t().state, t().started, t().ended, t().actions]
                    rows
                    key=|(_, it)| format!("{}{}{:?}", it.id, it.state, it.expired_at)
                    row
                />
                        }
                    }
                }
            </Loaded>
        </Panel>
        <ConfirmDialog open title=t().roll_back_title confirm=t().roll_back on_confirm=roll_back>
            <p>{t().roll_back_hint}</p>
            <p role="status">{move || differs.get()}</p>
        </ConfirmDialog>
    }
}
