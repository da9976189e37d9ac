//! `/manifests/new?model={id}`: says what an image is made of.

use leptos::{ev::SubmitEvent, prelude::*};
use shared::{
    ManifestRequest, Model, Profile, RuntimeType, TargetRuntime, validate_description,
    validate_name,
};
use wasm_bindgen_futures::spawn_local;

use crate::{
    api::{EdgeError, Query, Wanted},
    app::use_account,
    components::{
        Button, ButtonKind, Crumb, FailureNote, Field, Loaded, PageHeader, Panel, SelectField,
        TextArea, use_toasts,
    },
    markup::view,
    navigation::use_navigation,
    react::derive,
    route::Page,
    text::{fill, t},
};

/// Models offered in the form; others are reached from their own page.
const OFFERED: u64 = 200;

/// Registers a manifest.
#[component]
pub(crate) fn NewManifestPage() -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let models = Query::new(move || {
        let client = client.clone();
        async move { Ok(client.models_part(Wanted::first(OFFERED, ""), None).await?.value) }
    });
    view! {
        <PageHeader
            title=t().new_manifest
            crumbs=vec![
                Crumb { label: t().manifests.to_owned(), href: account.href(Page::Manifests) },
            ]
        />
        <Loaded query=models let:models>
            <Form models=models.get_untracked() />
        </Loaded>
    }
}

#[component]
fn Form(models: Vec<Model>) -> impl IntoView {
    let account = use_account();
    let (navigation, toasts) = (use_navigation(), use_toasts());
    let options: Vec<(String, String)> = models
        .iter()
        .map(|model| (model.id.to_string(), format!("{} v{}", model.name, model.version)))
        .collect();
    let wanted = navigation.query("model").get_untracked();
    let first = options
        .iter()
        .find(|(id, _)| Some(id) == wanted.as_ref())
        .or(options.first())
        .map(|(id, _)| id.clone())
        .unwrap_or_default();
    let model = RwSignal::new(first.clone());
    let proposed = models.iter().find(|it| it.id.to_string() == first);
    let name = RwSignal::new(proposed.map(|it| it.name.clone()).unwrap_or_default());
    let description = RwSignal::new(String::new());
    let runtime = RwSignal::new(RuntimeType::Onnx.to_string());
    let profile = RwSignal::new(Profile::Relaxed.to_string());
    let driver = RwSignal::new("score".to_owned());
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<EdgeError>));

    let broken = |rule: Result<(), shared::InvalidName>| rule.err().map(|rule| rule.to_string());
    let name_error = derive(move || name.with(|text| broken(validate_name(text))));
    let description_error =
        derive(move || description.with(|text| broken(validate_description(text))));
    let unready = move || {
        name_error.with(Option::is_some)
            || description_error.with(Option::is_some)
            || model.with(String::is_empty)
            || driver.with(|text| text.trim().is_empty())
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Ok(runtime_type) = runtime.get_untracked().parse::<RuntimeType>() else { return };
        let mut properties = std::collections::BTreeMap::new();
        if runtime_type == RuntimeType::Onnx {
            properties.insert("profile".to_owned(), profile.get_untracked());
        }
        let request = ManifestRequest {
            name: name.get_untracked(),
            description: Some(description.get_untracked().trim().to_owned())
                .filter(|text| !text.is_empty()),
            driver_program: driver.get_untracked().trim().to_owned(),
            assets: vec![],
            model_ids: Some(vec![model.get_untracked()]),
            model_type: None,
            target_runtime: TargetRuntime { runtime_type, properties },
            webservice_type: None,
        };
        let account = account.clone();
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            match account.client.clone().create_manifest(request).await {
                Ok(made) => {
                    let name = format!("{} v{}", made.name, made.version);
                    toasts.say(fill(t().created_toast, &[("name", &name)]));
                    navigation.go(&account.href(Page::Manifest(made.id)));
                }
                Err(error) => {
                    failure.try_set(Some(error));
                }
            }
            busy.try_set(false);
        });
    };
    let plain = |names: &[&str]| -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), (*name).to_owned())).collect()
    };
    let runtimes = plain(&["Onnx", "Wasm", "Python", "SparkPython"]);
    let profiles = plain(&["relaxed", "portable", "deterministic"]);
    let of_onnx = move || {
        (runtime.get() == "Onnx").then(|| {
            view! {
                <SelectField
                    id="profile"
                    label=t().profile
                    value=profile
                    options=profiles.clone()
                    hint=t().profile_hint
                />
            }
        })
    };
    view! {
        <form on:submit=submit class="narrow">
            <Panel id="about" title=t().manifest>
                <SelectField id="model" label=t().model value=model options=options />
                <Field id="name" label=t().name value=name error=name_error required=true mono=true />
                <TextArea
                    id="description"
                    label=t().description
                    value=description
                    error=description_error
                    rows=2
                />
                <SelectField
                    id="runtime"
                    label=t().runtime
                    value=runtime
                    options=runtimes
                    hint=t().runtime_hint
                />
                {of_onnx}
                <Field id="driver" label=t().driver value=driver required=true mono=true />
            </Panel>
            {move || failure.get().map(|error| view! { <FailureNote error /> })}
            <div class="actions">
                <Button
                    label=t().create
                    kind=ButtonKind::Primary
                    submit=true
                    busy
                    disabled=derive(unready)
                />
            </div>
        </form>
    }
}
