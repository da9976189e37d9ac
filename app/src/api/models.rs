//! Models and their signatures.

use gloo_net::http::Method;
use serde::{Deserialize, de::DeserializeOwned};
use shared::{
    Graph, GraphCosts, Manifest, ManifestRequest, Model, ModelId, ModelPatch, ModelRequest,
    RuntimeType, Service, Signature, TargetRuntime, UnsupportedOperator, paths::versioned,
};

use super::{
    account::AccountClient,
    client::Call,
    failure::EdgeError,
    pending::{Pending, Reading},
};

/// What a model takes and gives, and what stands in its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelCheck {
    /// Absent where it could not be told.
    pub(crate) signature: Option<Signature>,
    pub(crate) unsupported: Vec<UnsupportedOperator>,
}

/// What is built on a version of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelUsers {
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) services: Vec<Service>,
}

#[derive(Deserialize)]
struct UnsupportedPart {
    #[serde(default)]
    unsupported: Vec<UnsupportedOperator>,
}

impl AccountClient {
    pub(crate) fn list_models(self) -> Reading<Vec<Model>> {
        self.all(self.path.models(), 1000)
    }

    /// Every version of one name, newest first.
    pub(crate) fn model_versions(self, name: String) -> Reading<Vec<Model>> {
        let path = format!("{}?name={}", self.path.models(), shared::paths::encode(&name));
        self.all(path, 1000)
    }

    pub(crate) fn model(self, id: ModelId) -> Reading<Model> {
        self.edge.get(versioned(&self.path.model(id)))
    }

    /// The signature, or `None` while the model's bytes are unread.
    pub(crate) async fn model_check(self, id: ModelId) -> Result<Option<ModelCheck>, EdgeError> {
        let call = Call::get(versioned(&self.path.model_signature(id)));
        let answer = self.edge.exchange(call).await?;
        if answer.status == 409 {
            return Ok(None);
        }
        if !answer.is_success() {
            return Err(answer.failure());
        }
        let UnsupportedPart { unsupported } = answer.read()?;
        Ok(Some(ModelCheck { signature: answer.read().ok(), unsupported }))
    }

    pub(crate) fn register_model(self, request: ModelRequest) -> Reading<Model> {
        self.edge.post(versioned(&self.path.models()), &request)
    }

    /// Changes what is said of it; its bytes stay as they are.
    pub(crate) fn change_model(self, id: ModelId, patch: ModelPatch) -> Reading<Model> {
        let call = Call::new(Method::PATCH, versioned(&self.path.model(id))).json(&patch);
        self.edge.ask(call)
    }

    /// Its operators; `None` while its bytes are unread or where it has none to draw.
    pub(crate) async fn model_graph(self, id: ModelId) -> Result<Option<Graph>, EdgeError> {
        self.unless(&[400, 409], self.path.model_graph(id)).await
    }

    /// How long its operators take on the server, which runs it for that; `None` where it cannot.
    pub(crate) async fn model_costs(self, id: ModelId) -> Result<Option<GraphCosts>, EdgeError> {
        self.unless(&[400, 409, 413], self.path.model_costs(id)).await
    }

    /// What is at `path`; `None` where these statuses say that there is no such thing.
    async fn unless<T: DeserializeOwned>(
        &self,
        none: &[u16],
        path: String,
    ) -> Result<Option<T>, EdgeError> {
        let answer = self.edge.exchange(Call::get(versioned(&path))).await?;
        match answer.status {
            200 => answer.read().map(Some),
            status if none.contains(&status) => Ok(None),
            _ => Err(answer.failure()),
        }
    }

    /// What is built on a version: the newest manifests that name it and services that serve it.
    pub(crate) async fn model_users(self, id: ModelId) -> Result<ModelUsers, EdgeError> {
        let of = |path: String| versioned(&format!("{path}?modelId={id}&count=50"));
        let manifests: Vec<Manifest> = self.edge.rows(of(self.path.manifests())).await?;
        let services: Vec<Service> = self.edge.rows(of(self.path.services())).await?;
        Ok(ModelUsers { manifests, services })
    }

    pub(crate) fn delete_model(self, id: ModelId) -> Pending<()> {
        self.edge.delete(versioned(&self.path.model(id)))
    }

    /// Registers a manifest of one model, the step between a model and its image.
    pub(crate) fn register_manifest(&self, model: &Model) -> Reading<Manifest> {
        let hand_written = model.mime_type == "application/wasm";
        let runtime_type = if hand_written { RuntimeType::Wasm } else { RuntimeType::Onnx };
        let request = ManifestRequest {
            name: model.name.clone(),
            description: None,
            driver_program: "score".to_owned(),
            assets: vec![],
            model_ids: Some(vec![model.id.to_string()]),
            model_type: None,
            target_runtime: TargetRuntime { runtime_type, properties: Default::default() },
            webservice_type: None,
        };
        self.edge.post(versioned(&self.path.manifests()), &request)
    }
}
