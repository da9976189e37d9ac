//! Random histories: whatever is done in whatever order, the store says what a model in memory says.

use std::{
    cell::Cell,
    collections::{BTreeMap, btree_map::Entry},
};

use control::{
    ControlError, ImageFilter, ListQuery, Listed, ManifestFilter, ModelFilter, ServiceFilter,
};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use shared::{
    Image, ImageRequest, ImageType, Manifest, ManifestRequest, Model, RuntimeType,
    ServiceUpdateRequest, TargetRuntime,
};
use tokio::runtime::Runtime;

use crate::edge::{Edge, adder, service_request};

const CASES: u32 = 12;

/// What somebody does. Numbers pick among what is there, so that most steps make sense.
#[derive(Debug, Clone)]
enum Step {
    Register { name: u8 },
    DeleteModel { pick: usize },
    Describe { name: u8, picks: Vec<usize> },
    DeleteManifest { pick: usize },
    Pack { name: u8, pick: usize },
    DeleteImage { pick: usize },
    Create { name: u8 },
    Update { name: u8, replicas: u32 },
    Delete { name: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let pick = 0..20_usize;
    prop_oneof![
        4 => (0..3_u8).prop_map(|name| Step::Register { name }),
        2 => pick.clone().prop_map(|pick| Step::DeleteModel { pick }),
        3 => ((0..2_u8), vec(pick.clone(), 0..3))
            .prop_map(|(name, picks)| Step::Describe { name, picks }),
        2 => pick.clone().prop_map(|pick| Step::DeleteManifest { pick }),
        3 => ((0..2_u8), pick.clone()).prop_map(|(name, pick)| Step::Pack { name, pick }),
        1 => pick.prop_map(|pick| Step::DeleteImage { pick }),
        2 => (0..2_u8).prop_map(|name| Step::Create { name }),
        2 => ((0..2_u8), (0..4_u32)).prop_map(|(name, replicas)| Step::Update { name, replicas }),
        1 => (0..2_u8).prop_map(|name| Step::Delete { name }),
    ]
}

/// A name with versions.
#[derive(Debug, Clone, PartialEq)]
struct Versioned {
    id: String,
    name: String,
    version: u64,
    /// The ids of what it is made of: a manifest's models, an image's manifest.
    of: Vec<String>,
}

/// The same world in memory.
#[derive(Default)]
struct World {
    models: Vec<Versioned>,
    manifests: Vec<Versioned>,
    images: Vec<Versioned>,
    services: BTreeMap<String, u32>,
    versions: BTreeMap<(&'static str, String), u64>,
}

impl World {
    fn next(&mut self, kind: &'static str, name: &str) -> u64 {
        let version = self.versions.entry((kind, name.to_owned())).or_default();
        *version += 1;
        *version
    }
}

#[test]
fn the_store_says_what_a_model_in_memory_says() {
    let runtime = Runtime::new().unwrap();
    let (edge, image) = runtime.block_on(async {
        let edge = Edge::new().await;
        let image = edge.image("module", &adder(1)).await;
        clear(&edge).await;
        (edge, image)
    });
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let case = Cell::new(0);
    TestRunner::new_with_rng(config, rng)
        .run(&vec(step(), 1..25), |steps| {
            case.set(case.get() + 1);
            runtime.block_on(async {
                let mut world = World::default();
                for step in &steps {
                    take(&edge, &image, &mut world, case.get(), step).await?;
                    compare(&edge, &world).await?;
                }
                clear(&edge).await;
                Ok(())
            })
        })
        .unwrap();
}

async fn take(
    edge: &Edge,
    image: &Image,
    world: &mut World,
    case: u32,
    step: &Step,
) -> Result<(), TestCaseError> {
    let (control, account) = (&edge.control, &edge.account);
    let picked = |list: &[Versioned], pick: usize| {
        (!list.is_empty()).then(|| pick % list.len()).map(|at| list[at].id.clone())
    };
    match step {
        Step::Register { name } => {
            let name = format!("case{case}-{name}");
            let model = edge.register(&name, "https://models.example/m").await.unwrap();
            let version = world.next("model", &name);
            prop_assert_eq!(model.version, version);
            let id = model.id.to_string();
            world.models.push(Versioned { id, name, version, of: Vec::new() });
        }
        Step::DeleteModel { pick } => {
            let Some(id) = picked(&world.models, *pick) else { return Ok(()) };
            let used = world.manifests.iter().any(|manifest| manifest.of.contains(&id));
            let deleted = control.delete_model(account, &id).await;
            if used {
                prop_assert!(matches!(deleted, Err(ControlError::InUse { .. })), "{deleted:?}");
            } else {
                prop_assert!(deleted.unwrap());
                prop_assert!(!control.delete_model(account, &id).await.unwrap());
                world.models.retain(|model| model.id != id);
            }
        }
        Step::Describe { name, picks } => {
            let name = format!("case{case}-{name}");
            let mut models: Vec<String> = Vec::new();
            for id in picks.iter().filter_map(|pick| picked(&world.models, *pick)) {
                if !models.contains(&id) {
                    models.push(id);
                }
            }
            let request = manifest_request(&name, &models);
            let manifest = control.register_manifest(account, request).await.unwrap();
            let version = world.next("manifest", &name);
            prop_assert_eq!(manifest.version, version);
            let id = manifest.id.to_string();
            world.manifests.push(Versioned { id, name, version, of: models });
        }
        Step::DeleteManifest { pick } => {
            let Some(id) = picked(&world.manifests, *pick) else { return Ok(()) };
            let used = world.images.iter().any(|image| image.of.contains(&id));
            let deleted = control.delete_manifest(account, &id).await;
            if used {
                prop_assert!(matches!(deleted, Err(ControlError::InUse { .. })), "{deleted:?}");
            } else {
                prop_assert!(deleted.unwrap());
                world.manifests.retain(|manifest| manifest.id != id);
            }
        }
        Step::Pack { name, pick } => {
            let Some(manifest_id) = picked(&world.manifests, *pick) else { return Ok(()) };
            let name = format!("case{case}-{name}");
            let request = pack_request(&name, &manifest_id);
            let operation = control.create_image(account, request).await.unwrap();
            // Its models are nowhere to be fetched from: it is there, and failed.
            prop_assert!(edge.ended(operation).await.error.is_some());
            let filter =
                ImageFilter { manifest_id: Some(manifest_id.clone()), manifest_name: None };
            let newest = control.images(account, &filter, &ListQuery::default()).await.unwrap();
            let version = world.next("image", &name);
            let id = newest.value[0].id.to_string();
            world.images.push(Versioned { id, name, version, of: vec![manifest_id] });
        }
        Step::DeleteImage { pick } => {
            let Some(id) = picked(&world.images, *pick) else { return Ok(()) };
            prop_assert!(control.delete_image(account, &id).await.unwrap());
            prop_assert!(!control.delete_image(account, &id).await.unwrap());
            world.images.retain(|image| image.id != id);
        }
        Step::Create { name } => {
            let name = format!("case{case}-{name}");
            let made = control.create_service(account, service_request(&name, image)).await;
            if let Entry::Vacant(free) = world.services.entry(name) {
                prop_assert!(edge.ended(made.unwrap()).await.error.is_none());
                free.insert(1);
            } else {
                prop_assert!(matches!(made, Err(ControlError::NameTaken { .. })), "{made:?}");
            }
        }
        Step::Update { name, replicas } => {
            let name = format!("case{case}-{name}");
            let request = ServiceUpdateRequest {
                num_replicas: Some(*replicas),
                ..ServiceUpdateRequest::default()
            };
            let made = control.update_service(account, &name, request).await;
            match world.services.get_mut(&name) {
                None => {
                    prop_assert!(matches!(made, Err(ControlError::NotFound { .. })), "{made:?}");
                }
                Some(known) => {
                    prop_assert!(edge.ended(made.unwrap()).await.error.is_none());
                    *known = *replicas;
                }
            }
        }
        Step::Delete { name } => {
            let name = format!("case{case}-{name}");
            let deleted = control.delete_service(account, &name).await.unwrap();
            prop_assert_eq!(deleted, world.services.remove(&name).is_some());
        }
    }
    Ok(())
}

/// Every list, in pages of two, and the routing table.
async fn compare(edge: &Edge, world: &World) -> Result<(), TestCaseError> {
    let (control, account) = (&edge.control, &edge.account);
    let newest = |known: &[Versioned]| known.iter().rev().cloned().collect::<Vec<_>>();
    let any = ModelFilter::default();
    let models = pages(async |query| control.models(account, &any, &query).await.unwrap()).await;
    prop_assert_eq!(of_this_world(models.into_iter().map(model)), newest(&world.models));
    let any = ManifestFilter::default();
    let manifests =
        pages(async |query| control.manifests(account, &any, &query).await.unwrap()).await;
    prop_assert_eq!(of_this_world(manifests.into_iter().map(manifest)), newest(&world.manifests));
    let any = ImageFilter::default();
    let images = pages(async |query| control.images(account, &any, &query).await.unwrap()).await;
    prop_assert_eq!(of_this_world(images.into_iter().map(image)), newest(&world.images));

    for model in &world.models {
        let filter = ManifestFilter { model_id: Some(model.id.clone()), manifest_name: None };
        let found =
            pages(async |query| control.manifests(account, &filter, &query).await.unwrap()).await;
        let naming = world.manifests.iter().filter(|m| m.of.contains(&model.id)).cloned();
        let naming: Vec<_> = naming.collect();
        prop_assert_eq!(of_this_world(found.into_iter().map(manifest)), newest(&naming));
    }
    for of in &world.manifests {
        let filter = ImageFilter { manifest_id: Some(of.id.clone()), manifest_name: None };
        let found =
            pages(async |query| control.images(account, &filter, &query).await.unwrap()).await;
        let naming: Vec<_> =
            world.images.iter().filter(|image| image.of.contains(&of.id)).cloned().collect();
        prop_assert_eq!(of_this_world(found.into_iter().map(image)), newest(&naming));
    }

    let any = ServiceFilter::default();
    let services =
        pages(async |query| control.services(account, &any, &query).await.unwrap().listed).await;
    let mut found = BTreeMap::new();
    for service in services {
        let routed = control.routes().get(&service.name).map(|served| served.replicas());
        prop_assert_eq!(routed, Some(service.replicas));
        prop_assert!(found.insert(service.name, service.replicas).is_none(), "shown twice");
    }
    prop_assert_eq!(&found, &world.services);
    Ok(())
}

/// A whole list, in pages of two.
async fn pages<T>(page: impl AsyncFn(ListQuery) -> Listed<T>) -> Vec<T> {
    let mut query = ListQuery { count: Some("2".to_owned()), ..ListQuery::default() };
    let mut all = Vec::new();
    loop {
        let listed = page(query.clone()).await;
        all.extend(listed.value);
        query.skip_token = listed.next;
        if query.skip_token.is_none() {
            return all;
        }
    }
}

/// Without what the services' image was made of.
fn of_this_world(rows: impl Iterator<Item = Versioned>) -> Vec<Versioned> {
    rows.filter(|row| row.name.starts_with("case")).collect()
}

fn model(model: Model) -> Versioned {
    let (id, name, version) = (model.id.to_string(), model.name, model.version);
    Versioned { id, name, version, of: Vec::new() }
}

fn manifest(manifest: Manifest) -> Versioned {
    let (id, name, version) = (manifest.id.to_string(), manifest.name, manifest.version);
    let of = manifest.model_ids.unwrap_or_default();
    Versioned { id, name, version, of: of.iter().map(ToString::to_string).collect() }
}

fn image(image: Image) -> Versioned {
    let (id, name, version) = (image.id.to_string(), image.name, image.version);
    Versioned { id, name, version, of: vec![image.manifest_id.to_string()] }
}

fn pack_request(name: &str, manifest_id: &str) -> ImageRequest {
    ImageRequest {
        name: name.to_owned(),
        manifest_id: manifest_id.to_owned(),
        compute_resource_id: "anything".to_owned(),
        image_type: ImageType::Docker,
        description: None,
    }
}

fn manifest_request(name: &str, models: &[String]) -> ManifestRequest {
    ManifestRequest {
        name: name.to_owned(),
        description: None,
        driver_program: "none".to_owned(),
        assets: Vec::new(),
        model_ids: Some(models.to_vec()),
        model_type: None,
        target_runtime: TargetRuntime {
            runtime_type: RuntimeType::Onnx,
            properties: BTreeMap::new(),
        },
        webservice_type: None,
    }
}

/// Leaves the image, and the manifest and model that it was built from, out of every list.
async fn clear(edge: &Edge) {
    let (control, account) = (&edge.control, &edge.account);
    let all = ListQuery { count: Some("1000".to_owned()), ..ListQuery::default() };
    let services = control.services(account, &ServiceFilter::default(), &all).await.unwrap();
    for service in services.listed.value {
        control.delete_service(account, &service.name).await.unwrap();
    }
    let images = control.images(account, &ImageFilter::default(), &all).await.unwrap();
    for image in images.value.iter().filter(|image| image.name.starts_with("case")) {
        control.delete_image(account, &image.id.to_string()).await.unwrap();
    }
    let manifests = control.manifests(account, &ManifestFilter::default(), &all).await.unwrap();
    for manifest in manifests.value {
        // The image's own stays.
        let _ = control.delete_manifest(account, &manifest.id.to_string()).await;
    }
    let models = control.models(account, &ModelFilter::default(), &all).await.unwrap();
    for model in models.value {
        let _ = control.delete_model(account, &model.id.to_string()).await;
    }
}
