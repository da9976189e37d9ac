//! What the console shows of a model's inside, and the module that it runs itself.

use shared::{Graph, GraphCosts, GraphNodeKind, NodeCost, paths};
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
async fn a_models_operators_are_timed_and_what_takes_no_time_of_its_own_is_left_out() {
    let edge = Edge::start();
    let client = edge.client().await;
    for (name, slow) in [("digits_cnn", "Conv"), ("breast_cancer_gbdt", "TreeEnsembleClassifier")] {
        let stored = client.upload(&format!("{name}.onnx"), &fixtures::onnx(name)).await;
        let model = client.register(name, &stored.url).await;
        let graph = paths::versioned(&client.account.model_graph(model.id));
        let graph: Graph = client.get(&graph).await.expect(200).json();

        let costs = paths::versioned(&client.account.model_costs(model.id));
        let costs: GraphCosts = client.get(&costs).await.expect(200).json();

        let node = |cost: &NodeCost| &graph.nodes[cost.node as usize];
        assert!(costs.nodes.iter().all(|cost| node(cost).kind == GraphNodeKind::Operator));
        assert!(costs.nodes.windows(2).all(|pair| pair[0].node < pair[1].node), "{costs:?}");
        let slowest = costs.nodes.iter().max_by_key(|cost| cost.nanoseconds).unwrap();
        assert_eq!(node(slowest).operator, slow, "{costs:?}");
        // A row takes microseconds, not seconds and not nothing.
        assert!((50..50_000_000).contains(&slowest.nanoseconds), "{costs:?}");
    }
}

#[tokio::test]
async fn a_model_that_cannot_be_compiled_cannot_be_timed_either() {
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("odd.onnx", &fixtures::onnx("unsupported")).await;
    let model = client.register("odd", &stored.url).await;

    let costs = paths::versioned(&client.account.model_costs(model.id));
    let refused = client.get(&costs).await.expect(400);

    assert!(refused.text().contains("Sharpen"), "{}", refused.text());
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
