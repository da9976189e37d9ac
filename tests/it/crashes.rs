//! `kill -9` in the middle of writing, a new start, and a comparison with what was acknowledged.
//!
//! Writers of every kind run at once and note each acknowledged write in a ledger; after a number of
//! acknowledgements, drawn with a fixed seed, the process is killed under them. A write whose answer
//! never came may or may not have happened; every write in the ledger must be there after the start.
//! `KILL_ROUNDS` sets the number of rounds; `cargo xtask soak` asks for 300.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use shared::{AuthKeys, Image, Manifest, Model, OperationState, StoredArtifact, paths};
use tests::{Answer, Client, Edge, Published, eventually, fixtures};

const ROUNDS: usize = 20;
const SEED: u64 = 20_261_120;
const PATIENT: &str = "the writers got their acknowledgements";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_survives_kill_9() {
    let rounds = std::env::var("KILL_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |text| text.parse().expect("a number of rounds"));
    let mut dice = Dice(SEED);
    let mut edge = Edge::start();
    let published = edge.client().await.publish("keyed", &fixtures::onnx("iris_logistic")).await;
    let mut keys = published.keys.clone();

    for round in 0..rounds {
        let ledger = Ledger::default();
        let client = edge.client().await;
        let writers = [
            tokio::spawn(register_and_delete(client.clone(), ledger.clone(), round)),
            tokio::spawn(upload_and_describe(client.clone(), ledger.clone(), round)),
            tokio::spawn(pack(client.clone(), ledger.clone(), published.clone(), round)),
            tokio::spawn(regenerate(client.clone(), ledger.clone(), published.clone())),
            tokio::spawn(serve_and_stop(client.clone(), ledger.clone(), published.clone(), round)),
            tokio::spawn(upload_in_chunks(client.clone(), ledger.clone(), round)),
        ];

        let wanted = 5 + dice.below(60);
        eventually(PATIENT, async || (ledger.count() >= wanted).then_some(())).await;
        edge.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        edge.restart();

        let client = edge.client().await;
        for entry in ledger.take() {
            check(&client, &entry, &format!("round {round} of seed {SEED}")).await;
        }
        keys = surviving_keys(&client, &published, &keys, &ledger).await;
    }
}

/// One acknowledged write.
enum Acknowledged {
    Stored(StoredArtifact),
    Registered(Model),
    Deleted(Model),
    Described(Manifest),
    Accepted { location: String },
    Serving { name: String, location: String },
    Stopped { name: String },
}

/// What was acknowledged in this round, and the keys that were last.
#[derive(Clone, Default)]
struct Ledger {
    entries: Arc<Mutex<Vec<Acknowledged>>>,
    keys: Arc<Mutex<KeyHistory>>,
    count: Arc<AtomicUsize>,
}

#[derive(Default)]
struct KeyHistory {
    acknowledged: Option<AuthKeys>,
    dead: Vec<String>,
    in_flight: bool,
}

impl Ledger {
    fn note(&self, entry: Acknowledged) {
        self.entries.lock().unwrap().push(entry);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// A service that is about to be deleted proves nothing any more.
    fn forget_serving(&self, gone: &str) {
        let mut entries = self.entries.lock().unwrap();
        entries
            .retain(|entry| !matches!(entry, Acknowledged::Serving { name, .. } if name == gone));
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn take(&self) -> Vec<Acknowledged> {
        std::mem::take(&mut self.entries.lock().unwrap())
    }
}

/// Sends; `None` when the server is gone, a panic when it answered something else than `status`.
async fn send(client: &Client, request: reqwest::RequestBuilder, status: u16) -> Option<Answer> {
    client.try_send(request).await.ok().map(|answer| answer.expect(status))
}

async fn post(client: &Client, path: &str, body: &Value, status: u16) -> Option<Answer> {
    let request = client.request(reqwest::Method::POST, &paths::versioned(path)).json(body);
    send(client, request, status).await
}

async fn store(client: &Client, path: &str, bytes: Vec<u8>) -> Option<StoredArtifact> {
    let path = paths::versioned(&client.account.artifact(path));
    let request = client.request(reqwest::Method::PUT, &path).body(bytes);
    send(client, request, 201).await.map(|answer| answer.json())
}

/// The iris model with a description of its own, so that its bytes are like no other's.
fn distinct_model(text: &str) -> Vec<u8> {
    let mut onnx = fixtures::onnx("iris_logistic");
    onnx.extend([0x32, u8::try_from(text.len()).unwrap()]); // field 6 of ModelProto: doc_string
    onnx.extend(text.as_bytes());
    onnx
}

async fn register_and_delete(client: Client, ledger: Ledger, round: usize) {
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

async fn upload_and_describe(client: Client, ledger: Ledger, round: usize) {
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

async fn pack(client: Client, ledger: Ledger, published: Published, round: usize) {
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

async fn serve_and_stop(client: Client, ledger: Ledger, published: Published, round: usize) {
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

/// Uploads go on after the crash where they were acknowledged; here each is finished before it.
async fn upload_in_chunks(client: Client, ledger: Ledger, round: usize) {
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

async fn regenerate(client: Client, ledger: Ledger, published: Published) {
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

async fn check(client: &Client, entry: &Acknowledged, round: &str) {
    let account = &client.account;
    let get = async |path: String| client.get(&paths::versioned(&path)).await;
    match entry {
        Acknowledged::Stored(stored) => {
            let path = get(account.artifact(&stored.path)).await.expect(200);
            assert_eq!(path.body.len() as u64, stored.size, "{round}: {}", stored.path);
            assert_eq!(path.body, distinct_model(&stored.path), "{round}: {}", stored.path);
        }
        Acknowledged::Registered(model) => {
            let found: Model = get(account.model(model.id)).await.expect(200).json();
            // Addresses are absolute, and the server has another port now.
            let found = (found.name, found.version, found.sha256, found.created_at);
            let noted = model.clone();
            let noted = (noted.name, noted.version, noted.sha256, noted.created_at);
            assert_eq!(found, noted, "{round}");
        }
        Acknowledged::Deleted(model) => {
            let answer = get(account.model(model.id)).await;
            assert_eq!(answer.status, 404, "{round}: {} {} is back", model.name, model.version);
        }
        Acknowledged::Described(manifest) => {
            let found: Manifest = get(account.manifest(manifest.id)).await.expect(200).json();
            assert_eq!(&found, manifest, "{round}");
        }
        Acknowledged::Serving { name, location } => {
            let operation = eventually(&format!("{round}: {name} is served"), async || {
                let status: shared::AsyncOperationStatus =
                    client.get(location).await.expect(200).json();
                status.state.is_final().then_some(status)
            })
            .await;
            assert_eq!(operation.state, OperationState::Succeeded, "{round}: {operation:?}");
            let key = client.keys(name).await.primary_key;
            let document = json!({ "data": [[5.1, 3.5, 1.4, 0.2]] });
            client.score(name, &key, &document).await.expect(200);
        }
        Acknowledged::Stopped { name } => {
            let answer = get(account.service(name)).await;
            assert_eq!(answer.status, 404, "{round}: {name} is back");
        }
        Acknowledged::Accepted { location } => {
            let operation = eventually(&format!("{round}: {location} ends"), async || {
                let answer = client.get(location).await.expect(200);
                let status: shared::AsyncOperationStatus = answer.json();
                status.state.is_final().then_some(status)
            })
            .await;
            assert_eq!(operation.state, OperationState::Succeeded, "{round}: {operation:?}");
            let image: Image = client.made(&operation).await;
            assert_eq!(image.creation_state, OperationState::Succeeded, "{round}");
        }
    }
}

/// The keys after the start: the ones last acknowledged, or newer ones that were on their way.
async fn surviving_keys(
    client: &Client,
    published: &Published,
    before: &AuthKeys,
    ledger: &Ledger,
) -> AuthKeys {
    let found = client.keys(&published.service.id.to_string()).await;
    let dead = {
        let history = ledger.keys.lock().unwrap();
        let last = history.acknowledged.as_ref().unwrap_or(before);
        assert_eq!(found.secondary_key, before.secondary_key);
        if !history.in_flight {
            assert_eq!(found.primary_key, last.primary_key);
        }
        history.dead.clone()
    };
    let document = json!({ "data": [[5.1, 3.5, 1.4, 0.2]] });
    for key in [&found.primary_key, &found.secondary_key] {
        client.score("keyed", key, &document).await.expect(200);
    }
    if let Some(key) = dead.last() {
        client.score("keyed", key, &document).await.expect(401);
    }
    found
}

/// Numbers that are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }
}
