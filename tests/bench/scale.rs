//! How lists, gets, memory and starts behave when very much is registered.
//!
//! Times are those of a caller on the same machine, so they are upper bounds of the server's; beside
//! them stands the processor time that the server took.

mod clock;
mod lists;

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use clock::Clock;
use futures::StreamExt as _;
use serde_json::json;
use shared::{Image, ImageId, paths};
use tests::{Client, Edge, eventually, fixtures};

const GET: Duration = Duration::from_millis(5);
const START: Duration = Duration::from_secs(1);
/// Of the server's memory, for each model and service.
const BYTES_PER_ENTITY: u64 = 1_024;
/// Requests for each get.
const ROUNDS: usize = 40;
/// That the services are of.
const IMAGES: usize = 64;
/// Requests in flight while services are created.
const AT_ONCE: usize = 32;

/// Seeds a store, measures, and panics when a goal was missed.
pub(crate) fn measure(models: usize, services: usize) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut missed = Vec::new();
        let mut edge = Edge::start();
        let (model, image) =
            edge.client().await.image_of("base", &fixtures::onnx("iris_logistic")).await;
        edge.stop();
        edge.restart();
        touch(&edge.client().await).await;
        let empty = resident_bytes(&edge);

        edge.stop();
        let began = Instant::now();
        seed(&edge.data().join("store.db"), models);
        let seeded = began.elapsed();
        edge.restart();
        let began = Instant::now();
        let images = pack(&edge.client().await, &image).await;
        create(&edge.client().await, &images, services).await;
        let created = began.elapsed();
        edge.stop();
        edge.restart();
        let start = edge.started_in();
        let client = edge.client().await;
        touch(&client).await;
        let clock = Clock::of(edge.process_id());

        println!("## Scale: {models} models, {services} services\n");
        println!("The store was filled in {seeded:.0?} and {created:.0?}.\n");
        let account = &client.account;
        let some_service = "service-00007";
        let found = client.get(&paths::versioned(&account.service(some_service))).await.expect(200);
        let service_id = found.value()["id"].as_str().unwrap().to_owned();
        let known = lists::Known {
            model,
            image: image.clone(),
            service_id: service_id.clone(),
            models,
            services,
        };
        lists::measure(&client, &clock, &known, &mut missed).await;

        println!("| get | p50 | p95 | processor, p50 | goal |\n|---|--:|--:|--:|--:|");
        let newest = client.get(&paths::versioned(&account.models())).await.expect(200).value();
        let model_id = newest["value"][50]["id"].as_str().unwrap().parse().unwrap();
        for path in [
            account.model(model_id),
            account.service(some_service),
            account.service(&service_id),
            account.service_keys(some_service),
            account.image(image.id),
            account.manifest(image.manifest_id),
        ] {
            get(&client, &clock, &path, &mut missed).await;
        }

        // After everything was asked for, so that all that is held is there.
        let full = resident_bytes(&edge);
        let entities = (models + services) as u64;
        let per_entity = full.saturating_sub(empty) / entities;
        println!(
            "\nMemory: {:.0} MiB empty, {:.0} MiB full: {per_entity} bytes for each model and service.",
            mib(empty),
            mib(full)
        );
        println!("A start takes {start:.2?}.\n");
        if per_entity >= BYTES_PER_ENTITY {
            missed.push(format!("{per_entity} bytes of memory for each entity"));
        }
        if start > START {
            missed.push(format!("a start takes {start:?}"));
        }
        assert!(missed.is_empty(), "missed: {missed:#?}");
    });
}

fn seed(store: &Path, models: usize) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/seed_models.py");
    let done = Command::new("python3").arg(script).arg(store).arg(models.to_string()).status();
    assert!(done.unwrap().success());
}

/// More images of the first one's manifest; gives all of them.
async fn pack(client: &Client, first: &Image) -> Vec<ImageId> {
    let manifest = first.manifest.as_ref().unwrap();
    let mut images = vec![first.id];
    while images.len() < IMAGES {
        let operation = client.pack("base", manifest).await;
        images.push(client.made::<Image>(&operation).await.id);
    }
    images
}

/// Every second service is of the first image, and the others are of all in turn.
async fn create(client: &Client, images: &[ImageId], services: usize) {
    let path = paths::versioned(&client.account.services());
    let requests = (0..services).map(|n| {
        let image = if n % 2 == 0 { images[0] } else { images[n / 2 % images.len()] };
        let request = json!({
            "name": format!("service-{n:05}"),
            "imageId": image,
            "computeResource": { "id": "here", "type": "Cluster" },
        });
        let path = &path;
        async move { client.post(path, &request).await.expect(202) }
    });
    futures::stream::iter(requests)
        .buffer_unordered(AT_ONCE)
        .for_each(|_| std::future::ready(()))
        .await;
    for state in ["NotStarted", "Running"] {
        let path = paths::versioned(&client.account.operations());
        let path = format!("{path}&state={state}&count=1");
        eventually("every service is there", async || {
            let left = client.get(&path).await.expect(200).value();
            left["value"].as_array().unwrap().is_empty().then_some(())
        })
        .await;
    }
}

/// One of everything, so that lazy parts are there in both measurements.
async fn touch(client: &Client) {
    let account = &client.account;
    for path in [account.models(), account.services(), account.images(), account.operations()] {
        client.get(&paths::versioned(&path)).await.expect(200);
    }
}

async fn get(client: &Client, clock: &Clock, path: &str, missed: &mut Vec<String>) {
    let versioned = paths::versioned(path);
    client.get(&versioned).await.expect(200);
    let (mut elapsed, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (answer, times) = clock.time(client.get(&versioned)).await;
        answer.expect(200);
        elapsed.push(times.elapsed);
        busy.push(times.busy);
    }
    elapsed.sort();
    busy.sort();
    let shown = path.split("/accounts/").nth(1).unwrap_or(path);
    let shown = shown.split_once('/').map_or(shown, |(_, below)| below);
    let (median, late) = (elapsed[ROUNDS / 2], elapsed[ROUNDS * 95 / 100]);
    println!("| `{shown}` | {median:.2?} | {late:.2?} | {:.2?} | {GET:?} |", busy[ROUNDS / 2]);
    if median > GET {
        missed.push(format!("{shown}: {median:?}"));
    }
}

fn resident_bytes(edge: &Edge) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", edge.process_id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
