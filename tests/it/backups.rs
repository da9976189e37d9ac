//! Backups of a running server, and folders made of them.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::json;
use shared::{Model, paths};
use tests::{Edge, binary, fixtures};

fn run(arguments: &[&str], paths: &[&Path]) -> Output {
    Command::new(binary()).args(arguments).args(paths).output().unwrap()
}

fn back_up(file: &Path, data: &Path) -> Output {
    run(&["backup"], &[file, Path::new("--data"), data])
}

fn restore(file: &Path, data: &Path, key: &Path) -> Output {
    run(&["restore"], &[file, Path::new("--data"), data, Path::new("--master-key-file"), key])
}

#[tokio::test]
async fn a_backup_of_a_running_server_answers_like_the_server() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("iris", &fixtures::onnx("iris_logistic")).await;
    let file = edge.folder().join("backup.tar");

    // Beside a server that writes and deletes.
    let busy = tokio::spawn({
        let client = client.clone();
        async move {
            for n in 0.. {
                let name = format!("busy-{n}");
                let stored = client.upload(&name, name.as_bytes()).await;
                let path = paths::versioned(&client.account.artifact(&stored.path));
                client.delete(&path).await.expect(200);
            }
        }
    });
    let (to, data) = (file.clone(), edge.data());
    let made = tokio::task::spawn_blocking(move || back_up(&to, &data)).await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    busy.abort();

    let key = edge.data().join("master.key");
    let restored = edge.folder().join("restored");
    let done = restore(&file, &restored, &key);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let copy = Edge::start_on(&restored, &edge.bootstrap());
    let there = copy.client().await;
    let path = paths::versioned(&there.account.model(published.model.id));
    let model: Model = there.get(&path).await.expect(200).json();
    assert_eq!(model.sha256, published.model.sha256);
    let document = json!({ "data": [[5.1, 3.5, 1.4, 0.2]] });
    let key = &published.keys.primary_key;
    let here = client.score("iris", key, &document).await.expect(200);
    assert_eq!(there.score("iris", key, &document).await.expect(200).body, here.body);
}

#[tokio::test]
async fn what_is_damaged_newer_or_in_the_way_is_refused_by_name() {
    let edge = Edge::start();
    edge.client().await.upload("some", b"bytes").await;
    let key = edge.data().join("master.key");
    let file = edge.folder().join("backup.tar");
    assert!(back_up(&file, &edge.data()).status.success());
    let whole = fs::read(&file).unwrap();
    let refused = |bytes: &[u8], key: &Path| {
        let (bad, target) = (edge.folder().join("bad.tar"), edge.folder().join("target"));
        fs::write(&bad, bytes).unwrap();
        let done = restore(&bad, &target, key);
        assert!(!done.status.success());
        assert!(!target.exists(), "no half of a folder is left");
        String::from_utf8_lossy(&done.stderr).into_owned()
    };

    let done = restore(&file, &edge.data(), &key);
    assert!(String::from_utf8_lossy(&done.stderr).contains("holds data already"));

    let at = whole.windows(5).rposition(|window| window == b"bytes").unwrap();
    let mut damaged = whole.clone();
    damaged[at] ^= 1;
    assert!(refused(&damaged, &key).contains("are others"));
    assert!(refused(&whole[..1024], &key).contains("its end is missing"));
    assert!(refused(b"no tar at all", &key).contains("not a whole backup"));

    let text = String::from_utf8_lossy(&whole[512..1024]).into_owned();
    let schema = text.split("\"schema\": ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let newer = text.replace(
        &format!("\"schema\": {schema}"),
        &format!("\"schema\": {}", "9".repeat(schema.len())),
    );
    let mut future = whole.clone();
    future[512..1024].copy_from_slice(newer.as_bytes());
    assert!(refused(&future, &key).contains("newer version"));

    let other = Edge::start();
    let wrong = other.data().join("master.key");
    let refusal = refused(&whole, &wrong);
    assert!(refusal.contains("not the one") && refusal.contains(wrong.to_str().unwrap()));
}
