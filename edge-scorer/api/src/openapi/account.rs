//! Model management accounts: models, manifests, images, services, deployments, operations,
//! artefacts and uploads.

use serde_json::{Value, json};
use shared::{
    AsyncOperationStatus, AuthKeys, Deployment, ErrorBody, Graph, GraphCosts, Image, ImageRequest,
    Manifest, ManifestRequest, Model, ModelPatch, ModelRequest, Page, RegenerateKeysRequest,
    Service, ServiceCreateRequest, ServiceUpdateRequest, StoredArtifact, UploadRequest,
    UploadStarted, paths,
};

use super::{operation::Operation, schemas::Schemas};
use crate::{routes::ACCOUNT, signatures::Described};

pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    schemas.answer::<ErrorBody>();
    let mut all = Vec::new();
    models(&mut all, schemas);
    manifests(&mut all, schemas);
    images(&mut all, schemas);
    services(&mut all, schemas);
    progress(&mut all, schemas);
    bytes(&mut all, schemas);
    all
}

fn version() -> Value {
    json!({"type": "string", "enum": [paths::API_VERSION, paths::OLD_API_VERSION]})
}

const VERSION: &str = "Version of the API";

/// An operation of an account.
pub(super) fn at(
    method: &'static str,
    below: &str,
    id: &'static str,
    summary: &'static str,
) -> Operation {
    Operation::new(method, &format!("{ACCOUNT}{below}"), id, summary).parameter(
        "query",
        "api-version",
        true,
        version(),
        VERSION,
    )
}

/// As [`at`], where the version may be missing: addresses that the server hands out.
pub(super) fn linked(
    method: &'static str,
    below: &str,
    id: &'static str,
    summary: &'static str,
) -> Operation {
    Operation::new(method, &format!("{ACCOUNT}{below}"), id, summary).query(
        "api-version",
        version(),
        VERSION,
    )
}

fn text() -> Value {
    json!({"type": "string"})
}

impl Operation {
    /// Paging, searching and ordering.
    pub(super) fn lists(self, filters: &[&str]) -> Self {
        let digits = || json!({"type": "string", "pattern": "^[0-9]{1,6}$"});
        let listed = filters
            .iter()
            .fold(self, |operation, filter| operation.query(filter, text(), "A whole value"));
        listed
            .query("count", digits(), "Rows of a page: 1 to 1,000, 100 by default")
            .query("$skipToken", text(), "Where the last page ended; `nextLink` carries it")
            .query("search", text(), "A part of a name, a tag or a description, in any case")
            .query(
                "$orderby",
                text(),
                "`name`, `createdAt`, `updatedAt`, `version` or `state`, then `asc` or `desc`",
            )
            .query("$top", digits(), "As `count`")
            .query("$skip", digits(), "Rows to leave out")
            .query(
                "$count",
                json!({"type": "string", "enum": ["true", "false"]}),
                "Whether to count all rows",
            )
    }

    /// What goes out in pieces when asked for.
    pub(super) fn ranges(self, media: &str, says: &str) -> Self {
        let content = || json!({media: {}});
        self.header("Range", text(), "Bytes that are wanted")
            .header("If-None-Match", text(), "The ETag of the bytes that the caller has")
            .answers_media(200, content(), says)
            .answers_media(206, content(), "The bytes that were asked for")
            .empty(304, "The caller has these bytes")
            .tells(200, "ETag", "Names these bytes")
            .fails(&[416])
    }
}

fn models(all: &mut Vec<Operation>, schemas: &mut Schemas) {
    all.extend([
        at("get", "/models", "listModels", "Lists models").lists(&["name", "tag"]).answers(
            200,
            schemas.answer::<Page<Model>>(),
            "A page of models",
        ),
        at("post", "/models", "registerModel", "Registers a model, or its next version")
            .takes(schemas.request::<ModelRequest>())
            .repeatable()
            .answers(200, schemas.answer::<Model>(), "The model")
            .fails(&[409]),
        at("get", "/models/{id}", "getModel", "Shows a model").answers(
            200,
            schemas.answer::<Model>(),
            "The model",
        ),
        at("patch", "/models/{id}", "changeModel", "Changes a model's description and tags")
            .explained(
                "Not one of the documented calls: an extension of this server. The body is a JSON merge \
                 patch (RFC 7396): what is absent stays, `null` clears, a list of tags takes the place of \
                 the old one. Other members of a model never change, and naming one is refused.",
            )
            .takes_media(
                {
                    let schema = schemas.request::<ModelPatch>();
                    json!({"application/merge-patch+json": {"schema": schema},
                        "application/json": {"schema": schema}})
                },
                true,
            )
            .answers(200, schemas.answer::<Model>(), "The model as it is now"),
        at("delete", "/models/{id}", "deleteModel", "Deletes a model").deletes().fails(&[409]),
        at(
            "get",
            "/models/{id}/signature",
            "getModelSignature",
            "Says what a model takes and gives",
        )
        .answers(200, schemas.answer::<Described>(), "The signature and what stands in the way")
        .fails(&[409]),
        at("get", "/models/{id}/graph", "getModelGraph", "A model's operators, for a drawing")
            .answers(200, schemas.answer::<Graph>(), "Operators and the values between them")
            .fails(&[409]),
        at("get", "/models/{id}/costs", "getModelCosts", "How long a model's operators take")
            .answers(200, schemas.answer::<GraphCosts>(), "Measured times, by place in the graph")
            .fails(&[409]),
    ]);
}

fn manifests(all: &mut Vec<Operation>, schemas: &mut Schemas) {
    all.extend([
        at("get", "/manifests", "listManifests", "Lists manifests")
            .lists(&["modelId", "manifestName"])
            .answers(200, schemas.answer::<Page<Manifest>>(), "A page of manifests"),
        at("post", "/manifests", "registerManifest", "Registers a manifest, or its next version")
            .takes(schemas.request::<ManifestRequest>())
            .repeatable()
            .answers(200, schemas.answer::<Manifest>(), "The manifest")
            .fails(&[409]),
        at("get", "/manifests/{id}", "getManifest", "Shows a manifest").answers(
            200,
            schemas.answer::<Manifest>(),
            "The manifest",
        ),
        at("delete", "/manifests/{id}", "deleteManifest", "Deletes a manifest")
            .deletes()
            .fails(&[409]),
    ]);
}

fn images(all: &mut Vec<Operation>, schemas: &mut Schemas) {
    all.extend([
        at("get", "/images", "listImages", "Lists images")
            .lists(&["manifestId", "manifestName"])
            .answers(200, schemas.answer::<Page<Image>>(), "A page of images"),
        at("post", "/images", "createImage", "Packs a manifest's model into an image")
            .takes(schemas.request::<ImageRequest>())
            .repeatable()
            .accepts()
            .fails(&[409]),
        at("get", "/images/{id}", "getImage", "Shows an image").answers(
            200,
            schemas.answer::<Image>(),
            "The image",
        ),
        at("delete", "/images/{id}", "deleteImage", "Deletes an image").deletes().fails(&[409]),
        at(
            "get",
            "/images/{id}/signature",
            "getImageSignature",
            "Says what an image takes and gives",
        )
        .answers(200, schemas.answer::<Described>(), "The signature and what stands in the way")
        .fails(&[409]),
        linked("get", "/images/{id}/log", "getImageLog", "The build's log, while it grows")
            .query("se", text(), "When the signed address ends")
            .query("sig", text(), "Signature of the address")
            .answers_media(200, json!({"text/plain": {"schema": text()}}), "The log"),
        linked("get", "/images/{id}/module.wasm", "getImageModule", "The compiled module")
            .ranges("application/wasm", "The module")
            .fails(&[409]),
        linked(
            "get",
            "/images/{id}/portable.wasm",
            "getPortableModule",
            "The module that needs nothing of its host, where it has a twin",
        )
        .ranges("application/wasm", "The module")
        .fails(&[409]),
        linked("get", "/images/{id}/content", "getImageContent", "The image as an OCI layout")
            .ranges("application/x-tar", "A tar archive")
            .fails(&[409]),
    ]);
}

fn services(all: &mut Vec<Operation>, schemas: &mut Schemas) {
    let keys = schemas.answer::<AuthKeys>();
    let regenerate = |schemas: &mut Schemas, below, id| {
        let content =
            json!({"application/json": {"schema": schemas.request::<RegenerateKeysRequest>()}});
        at("post", below, id, "Makes one of the keys anew; the old one dies at once")
            .takes_media(content, false)
            .answers(200, schemas.answer::<AuthKeys>(), "Both keys")
    };
    all.extend([
        at("get", "/services", "listServices", "Lists services")
            .lists(&[
                "serviceName",
                "modelId",
                "modelName",
                "manifestId",
                "manifestName",
                "imageId",
                "computeResourceId",
            ])
            .answers(200, schemas.answer::<Page<Service>>(), "A page of services"),
        at("post", "/services", "createService", "Deploys an image as a service")
            .takes(schemas.request::<ServiceCreateRequest>())
            .repeatable()
            .accepts()
            .fails(&[409]),
        at("get", "/services/{id}", "getService", "Shows a service").answers(
            200,
            schemas.answer::<Service>(),
            "The service",
        ),
        at("put", "/services/{id}", "updateService", "Changes a service without losing a request")
            .takes(schemas.request::<ServiceUpdateRequest>())
            .accepts()
            .fails(&[409]),
        at("delete", "/services/{id}", "deleteService", "Deletes a service")
            .deletes()
            .fails(&[409]),
        at("get", "/services/{id}/keys", "getServiceKeys", "A service's keys").answers(
            200,
            keys,
            "Both keys",
        ),
        regenerate(schemas, "/services/{id}/keys", "regenerateKeysAsIn2017"),
        regenerate(schemas, "/services/{id}/regenerateKeys", "regenerateKeys"),
        linked(
            "get",
            "/services/{id}/events",
            "watchService",
            "A service now and after each change",
        )
        .answers_media(
            200,
            json!({"text/event-stream": {}}),
            "Server-sent events `service`",
        ),
    ]);
}

fn progress(all: &mut Vec<Operation>, schemas: &mut Schemas) {
    let list = json!({"type": "array", "items": schemas.answer::<Deployment>()});
    all.extend([
        at("get", "/deployments", "listDeployments", "Lists deployments")
            .lists(&["serviceId"])
            .answers(200, list, "Deployments; `Link` leads to the next page")
            .tells(200, "Link", "The next page, as `<…>; rel=\"next\"`"),
        at("get", "/deployments/{id}", "getDeployment", "Shows a deployment").answers(
            200,
            schemas.answer::<Deployment>(),
            "The deployment",
        ),
        at("get", "/operations", "listOperations", "Lists operations")
            .lists(&["state", "operationType", "resourceId"])
            .answers(200, schemas.answer::<Page<AsyncOperationStatus>>(), "A page of operations"),
        linked("get", "/operations/{id}", "getOperation", "Says how far an operation is")
            .answers(200, schemas.answer::<AsyncOperationStatus>(), "The operation")
            .tells(200, "Retry-After", "Seconds until asking again makes sense"),
        at("post", "/operations/{id}/cancel", "cancelOperation", "Cancels an operation")
            .empty(202, "It is being stopped")
            .tells(202, "Retry-After", "Seconds until asking makes sense")
            .fails(&[409]),
        linked("get", "/operations/events", "watchOperations", "Every operation after each change")
            .answers_media(200, json!({"text/event-stream": {}}), "Server-sent events `operation`"),
    ]);
}

fn bytes(all: &mut Vec<Operation>, schemas: &mut Schemas) {
    let hash = || json!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
    let offset = || json!({"type": "integer", "minimum": 0});
    const OFFSET: &str = "Bytes that are acknowledged";
    all.extend([
        linked("get", "/artifacts/{*path}", "getArtifact", "Stored bytes")
            .query("sha256", hash(), "Which bytes, where the path had several")
            .ranges("application/octet-stream", "The bytes"),
        at("put", "/artifacts/{*path}", "storeArtifact", "Stores bytes")
            .header("x-content-sha256", hash(), "Hex SHA-256 of the bytes")
            .takes_bytes()
            .answers(200, schemas.answer::<StoredArtifact>(), "The same bytes were there already")
            .answers(201, schemas.answer::<StoredArtifact>(), "The bytes are stored")
            .fails(&[409]),
        at("delete", "/artifacts/{*path}", "deleteArtifact", "Deletes bytes")
            .query("sha256", hash(), "Which bytes, where the path had several")
            .deletes()
            .fails(&[409]),
        at("post", "/uploads", "beginUpload", "Begins an upload in chunks")
            .takes(schemas.request::<UploadRequest>())
            .answers(201, schemas.answer::<UploadStarted>(), "The upload takes chunks")
            .fails(&[409]),
        at("patch", "/uploads/{id}", "appendToUpload", "Appends a chunk")
            .parameter("header", "Upload-Offset", true, offset(), OFFSET)
            .takes_bytes()
            .empty(204, "The chunk is acknowledged")
            .fails(&[409])
            .tells(204, "Upload-Offset", OFFSET)
            .tells(409, "Upload-Offset", OFFSET),
        at("head", "/uploads/{id}", "getUploadOffset", "Says how much has come")
            .empty(200, "The upload takes chunks")
            .tells(200, "Upload-Offset", OFFSET),
        at("delete", "/uploads/{id}", "abandonUpload", "Abandons an upload").deletes(),
        at("post", "/uploads/{id}/complete", "completeUpload", "Stores what has come")
            .answers(200, schemas.answer::<StoredArtifact>(), "The same bytes were there already")
            .answers(201, schemas.answer::<StoredArtifact>(), "The bytes are stored")
            .fails(&[409])
            .tells(409, "Upload-Offset", OFFSET),
    ]);
}
