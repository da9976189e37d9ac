//! Whether what was acknowledged is there after the start.

use serde_json::json;
use shared::{
    AsyncOperationStatus, AuthKeys, Deployment, Image, Manifest, Model, OperationState, Page,
    Service, paths,
};
use tests::{Client, Published, eventually};

use super::{
    identities,
    ledger::{Acknowledged, Ledger},
    writers::distinct_model,
};

pub(super) async fn check(client: &Client, entry: &Acknowledged, round: &str) {
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
        Acknowledged::Edited(model) => {
            let found: Model = get(account.model(model.id)).await.expect(200).json();
            let number = |model: &Model| {
                let text = model.description.clone().unwrap();
                assert_eq!(model.tags, Some(vec![text.clone()]), "{round}: half of an edit");
                text.strip_prefix("edit ").unwrap().parse::<u64>().unwrap()
            };
            let (noted, now) = (number(model), number(&found));
            assert!(now == noted || now == noted + 1, "{round}: edit {noted} became {now}");
            for (edit, rows) in [(now, 1), (now.wrapping_sub(1), 0)] {
                let filter = format!("name={}&tag=edit%20{edit}", model.name);
                let path = paths::versioned(&format!("{}?{filter}", account.models()));
                let page: Page<Model> = client.get(&path).await.expect(200).json();
                assert_eq!(page.value.len(), rows, "{round}: {filter}");
            }
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
                let status: AsyncOperationStatus = client.get(location).await.expect(200).json();
                status.state.is_final().then_some(status)
            })
            .await;
            assert_eq!(operation.state, OperationState::Succeeded, "{round}: {operation:?}");
            served_once(client, name, round).await;
            let key = client.keys(name).await.primary_key;
            let document = json!({ "data": [[5.1, 3.5, 1.4, 0.2]] });
            client.score(name, &key, &document).await.expect(200);
        }
        Acknowledged::Admitted { .. }
        | Acknowledged::Invited { .. }
        | Acknowledged::Dismissed { .. }
        | Acknowledged::Assigned { .. } => identities::check(client, entry, round).await,
        Acknowledged::Stopped { name } => {
            let answer = get(account.service(name)).await;
            assert_eq!(answer.status, 404, "{round}: {name} is back");
        }
        Acknowledged::Accepted { location } => {
            let operation = eventually(&format!("{round}: {location} ends"), async || {
                let answer = client.get(location).await.expect(200);
                let status: AsyncOperationStatus = answer.json();
                status.state.is_final().then_some(status)
            })
            .await;
            assert_eq!(operation.state, OperationState::Succeeded, "{round}: {operation:?}");
            let image: Image = client.made(&operation).await;
            assert_eq!(image.creation_state, OperationState::Succeeded, "{round}");
            assert_eq!(image.version, 1, "{round}: {} was built twice", image.name);
            let path = format!("{}?search={}&count=1000", account.images(), image.name);
            let named: Page<Image> = get(path).await.expect(200).json();
            let named: Vec<_> = named.value.iter().filter(|one| one.name == image.name).collect();
            assert_eq!(named.len(), 1, "{round}: {named:?}");
            let path = format!("{}?resourceId={}", account.operations(), image.id);
            let operations: Page<AsyncOperationStatus> = get(path).await.expect(200).json();
            assert_eq!(operations.value.len(), 1, "{round}: {operations:?}");
        }
    }
}

/// Every deployment of a service that was accepted was put in place once.
async fn served_once(client: &Client, name: &str, round: &str) {
    let account = &client.account;
    let service: Service =
        client.get(&paths::versioned(&account.service(name))).await.expect(200).json();
    let path = format!("{}&resourceId={}", paths::versioned(&account.operations()), service.id);
    let operations = eventually(&format!("{round}: {name} rests"), async || {
        let page: Page<AsyncOperationStatus> = client.get(&path).await.expect(200).json();
        page.value.iter().all(|one| one.state.is_final()).then_some(page.value)
    })
    .await;
    let path = format!("{}&serviceId={name}", paths::versioned(&account.deployments()));
    let deployments: Vec<Deployment> = client.get(&path).await.expect(200).json();
    assert_eq!(deployments.len(), operations.len(), "{round}: {deployments:?} {operations:?}");
    let serving: Vec<_> = deployments.iter().filter(|one| one.expired_at.is_none()).collect();
    assert_eq!(serving.len(), 1, "{round}: {deployments:?}");
    assert_eq!(serving[0].id, deployments[0].id, "{round}: the newest serves: {deployments:?}");
}

/// The keys after the start: the ones last acknowledged, or newer ones that were on their way.
pub(super) async fn surviving_keys(
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
