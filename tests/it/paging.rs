//! Lists through the front door while rows come and go: nobody is shown twice, nobody who stays is
//! missed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use shared::{Manifest, Model, ModelId, Page, paths};
use tests::{Client, Edge};

const ADDRESS: &str = "https://models.example/m.onnx";
const MODELS: usize = 60;

/// Models with names in an order of their own: every third shares one, so that versions differ.
async fn register(client: &Client, numbers: std::ops::Range<usize>) -> Vec<Model> {
    let mut models = Vec::new();
    for number in numbers {
        let name = format!("model-{:02}", number * 7 % 20);
        models.push(client.register(&name, ADDRESS).await);
    }
    models
}

async fn remove(client: &Client, id: ModelId) {
    client.delete(&paths::versioned(&client.account.model(id))).await.expect(200);
}

/// Follows `nextLink` to the end; `meanwhile` is called after every page with its number and last
/// row.
async fn follow(
    client: &Client,
    query: &str,
    mut meanwhile: impl AsyncFnMut(usize, ModelId),
) -> Vec<Model> {
    let mut next = Some(format!("{}&{query}", paths::versioned(&client.account.models())));
    let mut seen = Vec::new();
    let mut pages = 0;
    while let Some(link) = next {
        let page: Page<Model> = client.get(&link).await.expect(200).json();
        seen.extend(page.value);
        next = page.next_link;
        pages += 1;
        assert!(pages < 100, "{query} has no end");
        if next.is_some() {
            let last = seen.last().map(|model| model.id).unwrap();
            meanwhile(pages, last).await;
        }
    }
    seen
}

#[tokio::test]
async fn no_row_is_shown_twice_and_none_that_stays_is_missed_in_any_order() {
    let edge = Edge::start();
    let client = edge.client().await;
    let mut standing: BTreeMap<ModelId, Model> = BTreeMap::new();
    standing.extend(register(&client, 0..MODELS).await.into_iter().map(|model| (model.id, model)));
    let mut number = MODELS;

    for order in [
        "",
        "&$orderby=createdAt",
        "&$orderby=name",
        "&$orderby=name%20desc",
        "&$orderby=version",
        "&$orderby=version%20desc",
        "&search=model",
        "&search=model-1&$orderby=name",
        "&search=mo&$orderby=version%20desc",
    ] {
        let is_in = |model: &Model| !order.contains("model-1") || model.name.contains("model-1");
        let before: BTreeSet<ModelId> =
            standing.values().filter(|model| is_in(model)).map(|model| model.id).collect();
        let mut gone = BTreeSet::new();

        let seen = follow(&client, &format!("count=7{order}"), async |page, last| {
            for model in register(&client, number..number + 3).await {
                standing.insert(model.id, model);
            }
            number += 3;
            // Two anywhere, each time others, and the row where the next page begins.
            let others = [page * 5, page * 11];
            let others = others.map(|n| *standing.keys().nth(n % standing.len()).unwrap());
            for id in BTreeSet::from([others[0], others[1], last]) {
                remove(&client, id).await;
                standing.remove(&id);
                gone.insert(id);
            }
        })
        .await;

        let ids: BTreeSet<ModelId> = seen.iter().map(|model| model.id).collect();
        assert_eq!(ids.len(), seen.len(), "{order} shows a row twice");
        let missed: Vec<_> = before.difference(&gone).filter(|id| !ids.contains(id)).collect();
        assert!(missed.is_empty(), "{order} misses {missed:?}");
        assert!(gone.len() > 5, "{order}: {} rows went", gone.len());
    }
}

#[tokio::test]
async fn readers_are_right_while_writers_never_rest() {
    let edge = Edge::start();
    let client = edge.client().await;
    let staying: BTreeSet<ModelId> =
        register(&client, 0..40).await.into_iter().map(|model| model.id).collect();
    let writer = |client: Client, from: usize| async move {
        for round in 0..25 {
            for model in register(&client, from + round..from + round + 2).await {
                remove(&client, model.id).await;
            }
        }
    };
    let writers =
        [tokio::spawn(writer(client.clone(), 1_000)), tokio::spawn(writer(client.clone(), 2_000))];

    let mut rounds = 0;
    while rounds < 3 || writers.iter().any(|writer| !writer.is_finished()) {
        for query in ["count=3", "count=4&$orderby=name", "count=5&$orderby=version%20desc"] {
            let seen = follow(&client, query, async |_, _| ()).await;
            let ids: BTreeSet<ModelId> = seen.iter().map(|model| model.id).collect();
            assert_eq!(ids.len(), seen.len(), "{query} shows a row twice");
            assert!(staying.is_subset(&ids), "{query} misses a row");
        }
        rounds += 1;
    }

    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_page_is_as_long_as_count_says_and_the_last_link_keeps_every_filter() {
    let edge = Edge::start();
    let client = edge.client().await;
    let model = client.register("iris", ADDRESS).await;
    for number in 0..5 {
        client.describe(&format!("manifest-{number}"), &model).await;
    }
    let path = paths::versioned(&client.account.manifests());
    let first = client.get(&format!("{path}&modelId={}&count=2", model.id)).await.expect(200);
    let first: Page<Manifest> = first.json();

    let link = first.next_link.unwrap();
    assert!(link.starts_with(&client.url), "{link} is absolute");
    for kept in [&format!("modelId={}", model.id), "count=2", "api-version=2017-09-01-preview"] {
        assert!(link.contains(kept), "{link} keeps {kept}");
    }
    let second: Page<Manifest> = client.get(&link).await.expect(200).json();
    let last: Page<Manifest> =
        client.get(&second.next_link.clone().unwrap()).await.expect(200).json();

    let lengths = [first.value.len(), second.value.len(), last.value.len()];
    assert_eq!((lengths, last.next_link), ([2, 2, 1], None));
    for bad in ["0", "-1", "1.5", "many", "", "%2B1"] {
        let refusal = client.get(&format!("{path}&count={bad}")).await.expect(400).value();
        assert_eq!(refusal["code"], json!("InvalidRequest"), "count={bad}");
    }
    let all: Page<Manifest> = client.get(&format!("{path}&count=5000")).await.expect(200).json();
    assert_eq!(all.value.len(), 5);
}
