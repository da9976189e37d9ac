//! Random histories: whatever is done in whatever order, the store says what a model in memory says.

use std::{
    cell::Cell,
    collections::{BTreeMap, btree_map::Entry},
};

use control::{ControlError, ListQuery, ManifestFilter, ModelFilter, ServiceFilter};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use shared::{Image, ManifestRequest, Model, RuntimeType, ServiceUpdateRequest, TargetRuntime};
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
        2 => pick.prop_map(|pick| Step::DeleteManifest { pick }),
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
    models: Vec<String>,
}

/// The same world in memory.
#[derive(Default)]
struct World {
    models: Vec<Versioned>,
    manifests: Vec<Versioned>,
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
            world.models.push(Versioned { id, name, version, models: Vec::new() });
        }
        Step::DeleteModel { pick } => {
            let Some(id) = picked(&world.models, *pick) else { return Ok(()) };
            let used = world.manifests.iter().any(|manifest| manifest.models.contains(&id));
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
            world.manifests.push(Versioned { id: manifest.id.to_string(), name, version, models });
        }
        Step::DeleteManifest { pick } => {
            let Some(id) = picked(&world.manifests, *pick) else { return Ok(()) };
            prop_assert!(control.delete_manifest(account, &id).await.unwrap());
            world.manifests.retain(|manifest| manifest.id != id);
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
    let mut models = Vec::new();
    let mut query = ListQuery { count: Some("2".to_owned()), ..ListQuery::default() };
    loop {
        let page = control.models(account, &ModelFilter::default(), &query).await.unwrap();
        // The image's own is not of this world.
        models.extend(page.value.into_iter().filter(|model| model.name != "module").map(seen));
        query.skip_token = page.next;
        if query.skip_token.is_none() {
            break;
        }
    }
    let known: Vec<_> = world.models.iter().rev().cloned().collect();
    prop_assert_eq!(models, known);

    for model in &world.models {
        let filter = ManifestFilter { model_id: Some(model.id.clone()), manifest_name: None };
        let found = control.manifests(account, &filter, &ListQuery::default()).await.unwrap();
        let found: Vec<String> = found.value.iter().map(|found| found.id.to_string()).collect();
        let naming = world.manifests.iter().rev().filter(|m| m.models.contains(&model.id));
        prop_assert_eq!(found, naming.map(|manifest| manifest.id.clone()).collect::<Vec<_>>());
    }

    let all = ServiceFilter::default();
    let services = control.services(account, &all, &ListQuery::default()).await.unwrap();
    let mut found = BTreeMap::new();
    for service in services.value {
        let routed = control.routes().get(&service.name).map(|served| served.replicas());
        prop_assert_eq!(routed, Some(service.replicas));
        found.insert(service.name, service.replicas);
    }
    prop_assert_eq!(&found, &world.services);
    Ok(())
}

fn seen(model: Model) -> Versioned {
    let (id, name, version) = (model.id.to_string(), model.name, model.version);
    Versioned { id, name, version, models: Vec::new() }
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
    for service in services.value {
        control.delete_service(account, &service.name).await.unwrap();
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
