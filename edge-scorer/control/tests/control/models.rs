//! Artefacts, uploads and models.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use control::{ControlError, Kind, ListQuery, ModelFilter, StoreOutcome};
use futures::TryStreamExt as _;
use shared::{RuntimeType, UploadRequest};

use crate::edge::{Edge, TREES, UNSUPPORTED, adder, model_request};

#[tokio::test]
async fn an_address_names_its_bytes_whatever_is_put_under_the_path_later() {
    let edge = Edge::new().await;
    let first = edge.store("m.bin", b"one").await;
    let second = edge.store("m.bin", b"two").await;
    assert_ne!(first, second);

    let hash = first.split_once("?sha256=").unwrap().1;
    let old = edge.control.artifact(&edge.account, "m.bin", Some(hash)).await.unwrap();
    let new = edge.control.artifact(&edge.account, "m.bin", None).await.unwrap();

    let read = |content: control::Content| async move {
        content.read(0..content.size).try_collect::<Vec<_>>().await.unwrap().concat()
    };
    assert_eq!((read(old).await, read(new).await), (b"one".to_vec(), b"two".to_vec()));
}

#[tokio::test]
async fn bytes_that_are_not_the_announced_ones_are_not_kept() {
    let edge = Edge::new().await;
    let body = || futures::stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"bytes"))]);
    let wrong = "0".repeat(64);

    let refusal =
        edge.control.store_artifact(&edge.account, "m", Some(&wrong), body()).await.unwrap_err();
    assert!(matches!(refusal, ControlError::HashMismatch { .. }));
    assert!(edge.control.artifact(&edge.account, "m", None).await.is_err());

    let stored = edge.control.store_artifact(&edge.account, "m", None, body()).await.unwrap();
    let again = edge.control.store_artifact(&edge.account, "m", None, body()).await.unwrap();
    assert_eq!((stored.1, again.1), (StoreOutcome::Created, StoreOutcome::Unchanged));
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_acknowledged() {
    let edge = Edge::new().await;
    let (control, account) = (&edge.control, &edge.account);
    let request = UploadRequest { path: "up.bin".to_owned(), size: 6, sha256: None };
    let id = control.begin_upload(account, request).await.unwrap().id.to_string();
    let chunk = |text: &'static str| Bytes::from_static(text.as_bytes());

    assert_eq!(control.append_to_upload(account, &id, 0, chunk("abc")).await.unwrap(), 3);
    let refusal = control.append_to_upload(account, &id, 0, chunk("abc")).await.unwrap_err();
    assert!(matches!(refusal, ControlError::WrongOffset { expected: 3 }));
    let early = control.complete_upload(account, &id).await.unwrap_err();
    assert!(matches!(early, ControlError::WrongOffset { expected: 3 }));
    assert_eq!(control.append_to_upload(account, &id, 3, chunk("def")).await.unwrap(), 6);
    let (stored, _) = control.complete_upload(account, &id).await.unwrap();

    assert_eq!(stored.size, 6);
    let content = control.artifact(account, "up.bin", None).await.unwrap();
    let tail: Vec<Bytes> = content.read(2..6).try_collect().await.unwrap();
    assert_eq!(tail.concat(), b"cdef");
    assert!(control.upload_offset(account, &id).await.is_err());
}

#[tokio::test]
async fn a_model_is_read_when_it_is_registered() {
    let edge = Edge::new().await;
    let check = |model: shared::Model| {
        let (control, account) = (edge.control.clone(), edge.account.clone());
        async move { control.model_signature(&account, &model.id.to_string()).await }
    };

    let trees = check(edge.model("trees", TREES).await).await.unwrap();
    assert!(trees.ok && trees.signature.is_some());

    let module = check(edge.model("module", &adder(1)).await).await.unwrap();
    assert_eq!(module.signature.unwrap().inputs[0].name, "x");

    let unsupported = check(edge.model("unsupported", UNSUPPORTED).await).await.unwrap();
    assert!(!unsupported.ok && !unsupported.unsupported.is_empty());

    let pickle = check(edge.model("pickle", b"\x80\x04\x95\x10sklearn.").await).await.unwrap_err();
    assert!(matches!(pickle, ControlError::UnsupportedModel { .. }), "{pickle:?}");

    let elsewhere = edge.register("far", "https://example.org/m.onnx").await.unwrap();
    assert!(matches!(check(elsewhere).await, Err(ControlError::NotYet { .. })));
}

#[tokio::test]
async fn what_is_in_use_cannot_be_deleted_and_says_by_whom() {
    let edge = Edge::new().await;
    let model = edge.model("trees", TREES).await;
    let manifest = edge.manifest(RuntimeType::Onnx, &[&model]).await;
    let (control, account) = (&edge.control, &edge.account);
    let (model_id, manifest_id) = (model.id.to_string(), manifest.id.to_string());

    let refusal = control.delete_model(account, &model_id).await.unwrap_err();
    let ControlError::InUse { kind: Kind::Model, users, .. } = refusal else { panic!("{refusal}") };
    assert!(users[0].contains(&manifest_id));
    let refusal = control.delete_artifact(account, "trees.bin", None).await.unwrap_err();
    assert!(matches!(refusal, ControlError::InUse { kind: Kind::Artifact, .. }));

    assert!(control.delete_manifest(account, &manifest_id).await.unwrap());
    assert!(control.delete_model(account, &model_id).await.unwrap());
    assert!(!control.delete_model(account, &model_id).await.unwrap());
    assert!(control.delete_artifact(account, "trees.bin", None).await.unwrap());
    let blobs = edge.folder.path().join("blobs").join(&model.sha256.as_deref().unwrap()[..2]);
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0, "the bytes are gone");
}

#[tokio::test]
async fn a_version_is_never_given_twice() {
    let edge = Edge::new().await;
    let first = edge.model("trees", TREES).await;
    let second = edge.model("trees", TREES).await;
    edge.control.delete_model(&edge.account, &second.id.to_string()).await.unwrap();

    let third = edge.model("trees", TREES).await;

    assert_eq!([first.version, second.version, third.version], [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_at_once_get_sixty_four_versions() {
    let edge = Arc::new(Edge::new().await);
    let url = edge.store("trees.onnx", TREES).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (edge, request) = (Arc::clone(&edge), model_request("trees", &url));
            tokio::spawn(async move { edge.control.register_model(&edge.account, request).await })
        })
        .collect();

    let mut versions = Vec::new();
    for task in tasks {
        versions.push(task.await.unwrap().unwrap().version);
    }

    versions.sort_unstable();
    assert_eq!(versions, (1..=64).collect::<Vec<_>>());
    let query = ListQuery::default();
    let listed = edge.control.models(&edge.account, &ModelFilter::default(), &query).await.unwrap();
    assert_eq!(listed.value.len(), 64);
}

#[tokio::test]
async fn rules_of_names_are_kept() {
    let edge = Edge::new().await;
    let url = edge.store("m", TREES).await;
    let too_long = "x".repeat(101);
    for name in ["", "-x", "a b", &too_long] {
        let refusal = edge.register(name, &url).await.unwrap_err();
        assert!(matches!(refusal, ControlError::InvalidRequest { .. }), "{name}");
    }
    let missing = url.replace("?sha256=", "?sha256=00");
    assert!(matches!(
        edge.register("trees", &missing).await,
        Err(ControlError::InvalidRequest { .. })
    ));
}
