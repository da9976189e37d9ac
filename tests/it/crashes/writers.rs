//! Who writes while the process is killed: each loops until no answer comes any more.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use shared::{Model, StoredArtifact, paths};
use tests::{Answer, Client, Published, fixtures};

use super::ledger::{Acknowledged, Ledger};

/// Sends; `None` when the server is gone, a panic when it answered something else than `status`.
pub(super) async fn send(
    client: &Client,
    request: reqwest::RequestBuilder,
    status: u16,
) -> Option<Answer> {
    client.try_send(request).await.ok().map(|answer| answer.expect(status))
}

pub(super) async fn post(client: &Client, path: &str, body: &Value, status: u16) -> Option<Answer> {
    let request = client.request(reqwest::Method::POST, &paths::versioned(path)).json(body);
    send(client, request, status).await
}

async fn store(client: &Client, path: &str, bytes: Vec<u8>) -> Option<StoredArtifact> {
    let path = paths::versioned(&client.account.artifact(path));
    let request = client.request(reqwest::Method::PUT, &path).body(bytes);
    send(client, request, 201).await.map(|answer| answer.json())
}

/// The iris model with a description of its own, so that its bytes are like no other's.
pub(super) fn distinct_model(text: &str) -> Vec<u8> {
    let mut onnx = fixtures::onnx("iris_logistic");
    onnx.extend([0x32, u8::try_from(text.len()).unwrap()]); // field 6 of ModelProto: doc_string
    onnx.extend(text.as_bytes());
    onnx
}

pub(super) async fn register_and_delete(client: Client, ledger: Ledger, round: usize) {
    let story = async |n: usize| -> Option<()> {
        let name = format!("kept-{round}-{n}");
        let stored = store(&client, &name, distinct_model(&name)).await?;
        let request = json!({ "name": name, "url": stored.url, "mimeType": "application/onnx" });
        let kept = post(&client, &client.account.models(), &request, 200).await?;
        ledger.note(Acknowledged::Registered(kept.json()));
        let dropped: Model = post(&client, &client.account.models(), &request, 200).await?.json();
        let path = paths::versioned(&client.account.model(dropped.id));
        send(&client, client.request(reqwest::Method::DELETE, &path), 200).await?;
        ledger.note(Acknowledged::Deleted(dropped));
        Some(())
    };
    let mut n = 0;
    while story(n).await.is_some() {
        n += 1;
    }
}

pub(super) async fn upload_and_describe(client: Client, ledger: Ledger, round: usize) {
    let story = async |n: usize| -> Option<()> {
        let name = format!("described-{round}-{n}");
        let stored = store(&client, &name, distinct_model(&name)).await?;
        ledger.note(Acknowledged::Stored(stored.clone()));
        let request = json!({ "name": name, "url": stored.url, "mimeType": "application/onnx" });
        let model: Model = post(&client, &client.account.models(), &request, 200).await?.json();
        let request = manifest_of(&name, &model);
        let manifest = post(&client, &client.account.manifests(), &request, 200).await?;
        ledger.note(Acknowledged::Described(manifest.json()));
        Some(())
    };
    let mut n = 0;
    while story(n).await.is_some() {
        n += 1;
    }
}

pub(super) async fn pack(client: Client, ledger: Ledger, published: Published, round: usize) {
    // Three at once: one is usually building, one waiting and one being accepted when the power goes.
    for n in 0..3 {
        let request = json!({
            "name": format!("packed-{round}-{n}"),
            "manifestId": published.image.manifest_id,
            "computeResourceId": "here",
            "imageType": "Docker",
        });
        let Some(answer) = post(&client, &client.account.images(), &request, 202).await else {
            return;
        };
        let location = answer.header("operation-location").to_owned();
        let path = location.strip_prefix(&client.url).unwrap().to_owned();
        ledger.note(Acknowledged::Accepted { location: path });
    }
}

pub(super) async fn serve_and_stop(
    client: Client,
    ledger: Ledger,
    published: Published,
    round: usize,
) {
    let story = async |n: usize| -> Option<()> {
        let name = format!("served-{round}-{n}");
        let request = json!({
            "name": name,
            "imageId": published.image.id,
            "computeResource": { "id": "here", "type": "Cluster" },
        });
        let answer = post(&client, &client.account.services(), &request, 202).await?;
        let location = answer.header("operation-location").to_owned();
        let path = location.strip_prefix(&client.url).unwrap().to_owned();
        ledger.note(Acknowledged::Serving { name: name.clone(), location: path });
        let request = json!({ "maxConcurrentRequestsPerContainer": 7 });
        let path = paths::versioned(&client.account.service(&name));
        let update = client.request(reqwest::Method::PUT, &path).json(&request);
        send(&client, update, 202).await?;
        if n > 0 {
            let name = format!("served-{round}-{}", n - 1);
            let path = paths::versioned(&client.account.service(&name));
            // From here on it may be gone, acknowledged or not.
            ledger.forget_serving(&name);
            send(&client, client.request(reqwest::Method::DELETE, &path), 200).await?;
            ledger.note(Acknowledged::Stopped { name });
        }
        Some(())
    };
    let mut n = 0;
    while story(n).await.is_some() {
        n += 1;
    }
}

/// Edits one model over and over; what was acknowledged last is what is found, or the edit after it.
pub(super) async fn edit(client: Client, ledger: Ledger, round: usize) {
    let path = paths::versioned(&client.account.models());
    let request = json!({ "name": format!("edited-{round}"), "mimeType": "application/onnx",
                          "url": "https://models.example/m" });
    let request = client.request(reqwest::Method::POST, &path).json(&request);
    let Some(answer) = send(&client, request, 200).await else { return };
    let model: Model = answer.json();
    let path = paths::versioned(&client.account.model(model.id));
    let is_it = |entry: &Acknowledged| matches!(entry, Acknowledged::Edited(m) if m.id == model.id);
    for n in 0_u64.. {
        // A number that only grows, in both members: never half of an edit.
        let words = json!({ "description": format!("edit {n}"), "tags": [format!("edit {n}")] });
        let request = client.request(reqwest::Method::PATCH, &path).json(&words);
        let Some(answer) = send(&client, request, 200).await else { return };
        ledger.forget(is_it);
        ledger.note(Acknowledged::Edited(answer.json()));
    }
}

/// Uploads go on after the crash where they were acknowledged; here each is finished before it.
pub(super) async fn upload_in_chunks(client: Client, ledger: Ledger, round: usize) {
    let story = async |n: usize| -> Option<()> {
        let name = format!("chunked-{round}-{n}");
        let bytes = distinct_model(&name);
        let request = json!({ "path": name, "size": bytes.len() });
        let begun = post(&client, &client.account.uploads(), &request, 201).await?;
        let id = begun.value()["id"].as_str().unwrap().parse().unwrap();
        let path = paths::versioned(&client.account.upload(id));
        let (first, second) = bytes.split_at(bytes.len() / 2);
        for (offset, chunk) in [(0, first), (first.len(), second)] {
            let request = client.request(reqwest::Method::PATCH, &path);
            let request = request.header("upload-offset", offset).body(chunk.to_vec());
            send(&client, request, 204).await?;
        }
        let path = paths::versioned(&client.account.complete_upload(id));
        let request = client.request(reqwest::Method::POST, &path);
        let stored = send(&client, request, 201).await?;
        ledger.note(Acknowledged::Stored(stored.json()));
        Some(())
    };
    let mut n = 0;
    while story(n).await.is_some() {
        n += 1;
    }
}

pub(super) async fn regenerate(client: Client, ledger: Ledger, published: Published) {
    let path = client.account.regenerate_keys(&published.service.id.to_string());
    loop {
        ledger.keys.lock().unwrap().in_flight = true;
        let Some(answer) = post(&client, &path, &json!({ "keyType": "Primary" }), 200).await else {
            return;
        };
        let mut keys = ledger.keys.lock().unwrap();
        let before = keys.acknowledged.replace(answer.json());
        keys.dead.extend(before.map(|keys| keys.primary_key));
        keys.in_flight = false;
        drop(keys);
        ledger.count.fetch_add(1, Ordering::Relaxed);
    }
}

fn manifest_of(name: &str, model: &Model) -> Value {
    json!({
        "name": name,
        "driverProgram": "driver",
        "assets": [],
        "modelIds": [model.id],
        "targetRuntime": { "runtimeType": "Onnx", "properties": {} },
    })
}
