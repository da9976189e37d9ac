//! What the console shows of a model's inside, and the module that it runs itself.

use shared::{Graph, GraphNodeKind, paths};
use tests::{Edge, fixtures};

#[tokio::test]
async fn a_models_operators_are_drawn_also_when_they_cannot_be_compiled() {
    let edge = Edge::start();
    let client = edge.client().await;
    let graph_of = async |name: &str| -> Graph {
        let stored = client.upload(&format!("{name}.onnx"), &fixtures::onnx(name)).await;
        let model = client.register(name, &stored.url).await;
        let path = paths::versioned(&client.account.model_graph(model.id));
        client.get(&path).await.expect(200).json()
    };

    let network = graph_of("digits_cnn").await;
    assert!(network.nodes.iter().any(|node| node.operator == "Conv"));
    assert!(network.nodes.iter().any(|node| node.kind == GraphNodeKind::Output));
    assert!(!network.edges.is_empty());

    let odd = graph_of("unsupported").await;
    assert!(odd.nodes.iter().any(|node| node.domain == "com.example"));
}

#[tokio::test]
async fn an_image_comes_as_a_module_for_any_engine_too() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("wine", &fixtures::onnx("wine_svc")).await;

    let path = paths::versioned(&client.account.image_part(published.image.id, "portable.wasm"));
    let portable = client.get(&path).await.expect(200);

    let signature = engine::read_signature(&portable.body).unwrap();
    assert_eq!(signature.profile, Some(shared::Profile::Portable));
    let unknown = paths::versioned(
        &client
            .account
            .image_part("7c9e6679-7425-40de-944b-e07fc1f90ae7".parse().unwrap(), "portable.wasm"),
    );
    client.get(&unknown).await.expect(404);
}
