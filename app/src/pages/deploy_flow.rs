//! From a model to a service: manifest, image, service; it goes on when the page is left.

use leptos::prelude::*;
use shared::{AsyncOperationStatus, ImageId, Model, ServiceUpdateRequest};
use wasm_bindgen_futures::spawn_local;

use crate::{
    api::{AccountClient, EdgeError},
    components::{Glyph, Icon, ProgressBar},
    markup::view,
    react::derive,
    text::t,
};

/// What is deployed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// A model, packed on the way.
    Model(Model),
    /// An image that is ready.
    Image(ImageId),
}

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// A service of this name, made on the way.
    New(String),
    /// A service that serves something else so far.
    Existing(String),
}

impl Destination {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::New(name) | Self::Existing(name) => name,
        }
    }
}

/// The steps in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Manifest,
    Image,
    Service,
    Done,
}

/// The deployment that this tab has begun last.
#[derive(Clone, Copy)]
pub(crate) struct Deploying {
    pub(super) service: RwSignal<Option<String>>,
    pub(super) stage: RwSignal<Stage>,
    pub(super) failure: RwSignal<Option<EdgeError>>,
    percent: RwSignal<Option<u32>>,
    phase: RwSignal<Option<String>>,
}

impl Deploying {
    pub(crate) fn new() -> Self {
        Self {
            service: RwSignal::new(None),
            stage: RwSignal::new(Stage::Done),
            failure: RwSignal::new(None),
            percent: RwSignal::new(None),
            phase: RwSignal::new(None),
        }
    }

    /// Whether something is on its way.
    pub(super) fn is_running(self) -> bool {
        self.service.with(Option::is_some)
            && self.stage.get() != Stage::Done
            && self.failure.with(Option::is_none)
    }

    /// Forgets what was, so that the form shows again.
    pub(super) fn clear(self) {
        self.service.set(None);
        self.failure.set(None);
        self.stage.set(Stage::Done);
    }

    /// Goes all the way; `done` runs when the service answers.
    pub(super) fn start(
        self,
        client: AccountClient,
        source: Source,
        destination: Destination,
        settings: ServiceUpdateRequest,
        done: impl FnOnce() + 'static,
    ) {
        self.failure.set(None);
        self.service.set(Some(destination.name().to_owned()));
        self.enter(if matches!(source, Source::Model(_)) {
            Stage::Manifest
        } else {
            Stage::Service
        });
        spawn_local(async move {
            match self.run(client, source, destination, settings).await {
                Ok(()) => {
                    self.enter(Stage::Done);
                    done();
                }
                Err(error) => self.failure.set(Some(error)),
            }
        });
    }

    fn enter(self, stage: Stage) {
        self.percent.set(None);
        self.phase.set(None);
        self.stage.set(stage);
    }

    fn report(self, status: &AsyncOperationStatus) {
        self.percent.set(status.percent_complete);
        self.phase.set(status.phase.clone());
    }

    async fn run(
        self,
        client: AccountClient,
        source: Source,
        destination: Destination,
        settings: ServiceUpdateRequest,
    ) -> Result<(), EdgeError> {
        let image = match source {
            Source::Image(id) => id.to_string(),
            Source::Model(model) => {
                let manifest = client.register_manifest(&model).await?;
                self.enter(Stage::Image);
                let started = client.build_image(&manifest).await?;
                client.finished(started.0, |status| self.report(status)).await?
            }
        };
        self.enter(Stage::Service);
        let started = match destination {
            Destination::New(name) => client.create_service(name, image, settings).await?,
            Destination::Existing(name) => {
                let request = ServiceUpdateRequest { image_id: Some(image), ..settings };
                client.update_service(&name, &request).await?
            }
        };
        client.finished(started.0, |status| self.report(status)).await.map(drop)
    }
}

/// The steps, with the current one moving.
#[component]
pub(super) fn DeployProgress(deploying: Deploying) -> impl IntoView {
    let steps = [
        (Stage::Manifest, t().stage_manifest),
        (Stage::Image, t().stage_image),
        (Stage::Service, t().stage_service),
    ];
    let rows = steps
        .into_iter()
        .map(|(own, label)| {
            let class = move || {
                let failed = deploying.failure.with(Option::is_some);
                match deploying.stage.get().cmp(&own) {
                    std::cmp::Ordering::Greater => "stage stage-done",
                    std::cmp::Ordering::Equal if failed => "stage stage-failed",
                    std::cmp::Ordering::Equal => "stage stage-current",
                    std::cmp::Ordering::Less => "stage",
                }
            };
            let mark = move || match class() {
                "stage stage-done" => (Glyph::Check, t().done),
                "stage stage-failed" => (Glyph::Warning, t().state_failed),
                "stage stage-current" => (Glyph::Spinner, t().state_running),
                _ => (Glyph::Clock, t().state_not_started),
            };
            let bar = move || {
                (class() == "stage stage-current").then(|| {
                    let words =
                        derive(move || deploying.phase.get().unwrap_or_else(|| label.to_owned()));
                    view! { <ProgressBar percent=deploying.percent label=words /> }
                })
            };
            view! {
                <li class=class>
                    {move || view! { <Icon glyph=mark().0 /> }}
                    <div>
                        <span>{label}</span>
                        <span class="visually-hidden">{move || mark().1}</span>
                        {bar}
                    </div>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="stages" role="status">{rows}</ol> }
}
