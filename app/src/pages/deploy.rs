//! `/deploy?model=…|image=…|service=…`: one form from a model to a service that answers.

use leptos::{ev::SubmitEvent, prelude::*};
use shared::{Image, Model, OperationState, Service, validate_service_name};

use super::{
    deploy_flow::{DeployProgress, Deploying, Destination, Source},
    settings_form::{SettingsFields, SettingsForm},
};
use crate::{
    api::{Query, create_request},
    app::use_account,
    components::{
        Button, ButtonKind, CodeBlock, Crumb, Empty, FailureNote, Field, Glyph, LinkButton, Loaded,
        PageHeader, Panel, SelectField, use_toasts,
    },
    format::service_name,
    markup::view,
    navigation::use_navigation,
    react::{derive, memo, react},
    route::{Page, Route, ServiceTab},
    settings::Draft,
    text::{fill, t},
};

/// What the form chooses from.
#[derive(Debug, Clone, PartialEq)]
struct Choices {
    models: Vec<Model>,
    images: Vec<Image>,
    services: Vec<Service>,
}

impl Choices {
    /// Sources as the form names them: the newest first, models before images.
    fn sources(&self) -> Vec<(String, String)> {
        let models = self.models.iter().map(|model| {
            (
                format!("model:{}", model.id),
                fill(t().source_model, &[("name", &versioned(&model.name, model.version))]),
            )
        });
        let images = self.images.iter().map(|image| {
            (
                format!("image:{}", image.id),
                fill(t().source_image, &[("name", &versioned(&image.name, image.version))]),
            )
        });
        models.chain(images).collect()
    }

    fn source(&self, key: &str) -> Option<Source> {
        match key.split_once(':')? {
            ("model", id) => {
                self.models.iter().find(|it| it.id.to_string() == id).cloned().map(Source::Model)
            }
            ("image", id) => {
                self.images.iter().find(|it| it.id.to_string() == id).map(|it| Source::Image(it.id))
            }
            _ => None,
        }
    }

    /// What a new service would be called.
    fn proposal(&self, key: &str) -> String {
        let name = match self.source(key) {
            Some(Source::Model(model)) => model.name,
            Some(Source::Image(id)) => self
                .images
                .iter()
                .find(|it| it.id == id)
                .map(|it| it.name.clone())
                .unwrap_or_default(),
            None => String::new(),
        };
        service_name(&name)
    }
}

fn versioned(name: &str, version: u64) -> String {
    format!("{name} v{version}")
}

/// One form.
#[component]
pub(crate) fn DeployPage() -> impl IntoView {
    let account = use_account();
    let deploying = expect_context::<Deploying>();
    let client = account.client.clone();
    let choices = Query::new(move || {
        let client = client.clone();
        async move {
            let models = client.clone().list_models().await?;
            let mut images = client.clone().list_images().await?;
            images.retain(|image| image.creation_state == OperationState::Succeeded);
            let services = client.list_services().await?;
            Ok(Choices { models, images, services })
        }
    });
    let under_way = memo(move || deploying.is_running() || deploying.failure.with(Option::is_some));
    let services = account.href(Page::Services);
    let new_model = account.href(Page::NewModel);
    view! {
        <PageHeader
            title=t().deploy
            crumbs=vec![Crumb { label: t().services.to_owned(), href: services }]
        />
        {move || {
            let new_model = new_model.clone();
            if under_way.get() {
                view! { <UnderWay deploying /> }
            } else {
                view! {
                    <Loaded query=choices let:choices>
                        {
                            let choices = choices.get_untracked();
                            if choices.models.is_empty() && choices.images.is_empty() {
                                let href = new_model.clone();
                                view! {
                                    <Empty
                                        glyph=Glyph::Model
                                        title=t().nothing_to_deploy
                                        hint=t().models_empty_hint
                                    >
                                        <LinkButton
                                            label=t().upload_model
                                            href
                                            icon=Glyph::Upload
                                            kind=ButtonKind::Primary
                                        />
                                    </Empty>
                                }
                            } else {
                                view! { <DeployForm choices /> }
                            }
                        }
                    </Loaded>
                }
            }
        }}
    }
}

/// Where the deployment is, or why it stopped.
#[component]
fn UnderWay(deploying: Deploying) -> impl IntoView {
    let name = deploying.service.get_untracked().unwrap_or_default();
    let failed = move || {
        deploying.failure.get().map(|error| {
            view! {
                <FailureNote error />
                <div class="actions">
                    <Button label=t().back_to_form icon=Glyph::Back on_press=move |()| deploying.clear() />
                </div>
            }
        })
    };
    view! {
        <Panel id="progress" title=fill(t().deploying, &[("name", &name)])>
            <DeployProgress deploying />
            {failed}
            <p class="fine">{t().deploying_hint}</p>
        </Panel>
    }
}

#[component]
fn DeployForm(choices: Choices) -> impl IntoView {
    let account = use_account();
    let (navigation, toasts) = (use_navigation(), use_toasts());
    let deploying = expect_context::<Deploying>();
    let sources = choices.sources();
    let from_address = ["model", "image"].into_iter().find_map(|kind| {
        let id = navigation.query(kind).get_untracked()?;
        let key = format!("{kind}:{id}");
        sources.iter().any(|(known, _)| *known == key).then_some(key)
    });
    let first = sources.first().map(|(key, _)| key.clone()).unwrap_or_default();
    let source = RwSignal::new(from_address.unwrap_or(first));

    let wanted = navigation.query("service").get_untracked();
    let existing =
        wanted.filter(|name| choices.services.iter().any(|service| service.name == *name));
    let destination = RwSignal::new(existing.unwrap_or_default());
    let mut destinations = vec![(String::new(), t().new_service.to_owned())];
    destinations.extend(choices.services.iter().map(|service| {
        (service.name.clone(), fill(t().existing_service, &[("name", &service.name)]))
    }));
    let names: Vec<String> = choices.services.iter().map(|service| service.name.clone()).collect();
    let is_new = memo(move || destination.with(String::is_empty));

    let choices = StoredValue::new(choices);
    let name = RwSignal::new(String::new());
    // The proposal follows the source until the visitor writes a name of their own.
    let mut proposed = None;
    react(move || {
        let proposal = choices.with_value(|choices| choices.proposal(&source.get()));
        if name.with_untracked(|name| name.is_empty() || Some(name) == proposed.as_ref()) {
            name.set(proposal.clone());
        }
        proposed = Some(proposal);
    });
    let name_error = derive(move || {
        let text = name.get();
        if names.contains(&text) {
            return Some(t().name_taken.to_owned());
        }
        (!text.is_empty())
            .then(|| validate_service_name(&text).err().map(|rule| rule.to_string()))
            .flatten()
    });
    let fields = SettingsFields::new(Draft::default());
    let settings = memo(move || fields.request(&Draft::default()));
    let incomplete = move || {
        let no_name =
            is_new.get() && (name.with(String::is_empty) || name_error.with(Option::is_some));
        no_name || (is_new.get() && settings.with(Option::is_none))
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(source) =
            choices.with_value(|choices| source.with_untracked(|key| choices.source(key)))
        else {
            return;
        };
        let (destination, settings) = if is_new.get_untracked() {
            (Destination::New(name.get_untracked()), settings.get_untracked().unwrap_or_default())
        } else {
            (Destination::Existing(destination.get_untracked()), Default::default())
        };
        let served = destination.name().to_owned();
        let account_here = account.clone();
        deploying.start(account.client.clone(), source, destination, settings, move || {
            toasts.say(fill(t().deployed, &[("name", &served)]));
            let here = Route::parse(&window().location().pathname().unwrap_or_default());
            // Whoever has gone elsewhere meanwhile is told, not moved.
            if matches!(here, Route::Account(_, Page::Deploy)) {
                navigation.go(&account_here.href(Page::Service(served, ServiceTab::TryIt)));
            }
        });
    };
    let as_request = derive(move || {
        let image = source.with(|key| match key.split_once(':') {
            Some(("image", id)) => id.to_owned(),
            _ => "…".to_owned(),
        });
        let request = create_request(name.get(), image, settings.get().unwrap_or_default());
        serde_json::to_string_pretty(&request).unwrap_or_default()
    });
    let new_fields = move || {
        is_new.get().then(|| {
            view! {
                <Field
                    id="service-name"
                    label=t().service_name
                    value=name
                    hint=t().service_name_hint
                    error=name_error
                    required=true
                    mono=true
                />
                <details class="advanced">
                    <summary>{t().settings}</summary>
                    <SettingsForm fields />
                </details>
                <details class="advanced">
                    <summary>{t().as_request}</summary>
                    <p class="fine">{t().as_request_hint}</p>
                    <CodeBlock text=as_request label="POST /services" />
                </details>
            }
        })
    };
    view! {
        <form on:submit=submit class="narrow">
            <Panel id="what" title=t().what_to_deploy>
                <SelectField id="source" label=t().source value=source options=sources hint=t().source_hint />
                <SelectField
                    id="destination"
                    label=t().destination
                    value=destination
                    options=destinations
                    hint=t().destination_hint
                />
                {new_fields}
            </Panel>
            <div class="actions">
                <Button
                    label=t().deploy
                    icon=Glyph::Rocket
                    kind=ButtonKind::Primary
                    submit=true
                    disabled=derive(incomplete)
                />
            </div>
        </form>
    }
}
