//! Rows in, scores out, and what is said when they do not fit.

use serde_json::{Value, json};
use tests::{Client, Edge, fixtures, guests, reference};

#[tokio::test]
async fn the_answer_over_http_is_the_answer_of_onnx_runtime() {
    let edge = Edge::start();
    let client = edge.client().await;
    let onnx = fixtures::onnx("breast_cancer_forest");
    let key = client.publish("forest", &onnx).await.keys.primary_key;
    let rows = fixtures::rows("breast_cancer");
    let table: Vec<&[f32]> = rows.chunks(30).take(200).collect();

    let answer = client.score("forest", &key, &json!({ "data": table })).await.expect(200);

    let scored = answer.value()["predict_proba"].clone();
    let expected = reference::Reference::new(&onnx).run(&rows[..200 * 30], &[200, 30]);
    let reference::Values::Floats(expected) = &expected[1].values else { panic!("no tensor") };
    let scored: Vec<f64> = scored.as_array().unwrap().iter().flat_map(numbers).collect();
    assert_eq!(scored.len(), expected.len());
    for (ours, theirs) in scored.iter().zip(expected) {
        assert!((ours - f64::from(*theirs)).abs() <= 1e-5, "{ours} {theirs}");
    }
}

#[tokio::test]
async fn rows_may_be_arrays_or_objects_and_input_df_answers_labels() {
    let edge = Edge::start();
    let client = edge.client().await;
    let key = client.publish("iris", &fixtures::onnx("iris_logistic_text")).await.keys.primary_key;
    let named = json!({
        "petal width (cm)": 0.2,
        "petal length (cm)": 1.4,
        "sepal width (cm)": "3.5",
        "sepal length (cm)": 5.1,
    });

    let by_place = client.score("iris", &key, &json!({ "data": [[5.1, 3.5, 1.4, 0.2]] })).await;
    let by_name = client.score("iris", &key, &json!({ "data": [named] })).await;
    let labels = client.score("iris", &key, &json!({ "input_df": [named, named] })).await;
    let chosen = json!({ "data": [named], "method": "predict" });
    let chosen = client.score("iris", &key, &chosen).await;
    let nothing = client.score("iris", &key, &json!({ "input_df": [] })).await;

    assert_eq!(by_place.expect(200).value(), by_name.expect(200).value());
    assert_eq!(labels.expect(200).value(), json!(["setosa", "setosa"]));
    assert_eq!(chosen.expect(200).value(), json!({ "predict": ["setosa"] }));
    assert_eq!(nothing.expect(200).value(), json!([]));
}

#[tokio::test]
async fn a_regression_answers_one_number_a_row() {
    let edge = Edge::start();
    let client = edge.client().await;
    let onnx = fixtures::onnx("diabetes_gbdt");
    let key = client.publish("diabetes", &onnx).await.keys.primary_key;
    let row = &fixtures::rows("diabetes")[..10];

    let answer = client.score("diabetes", &key, &json!({ "data": [row] })).await.expect(200);

    let scored = numbers(&answer.value()["predict"]);
    let expected = reference::Reference::new(&onnx).run(row, &[1, 10]);
    let reference::Values::Floats(expected) = &expected[0].values else { panic!("no tensor") };
    let (ours, theirs) = (scored[0], f64::from(expected[0]));
    assert!((ours - theirs).abs() <= 1e-5 + 1e-5 * theirs.abs(), "{ours} {theirs}");
}

#[tokio::test]
async fn a_bad_row_is_named_with_its_column() {
    let edge = Edge::start();
    let client = edge.client().await;
    let key = client.publish("iris", &fixtures::onnx("iris_logistic")).await.keys.primary_key;
    let good = json!([5.1, 3.5, 1.4, 0.2]);

    let word = refusal(&client, &key, &json!({ "data": [good, [5.1, "tall", 1.4, 0.2]] })).await;
    let short = refusal(&client, &key, &json!({ "data": [good, good, [5.1, 3.5]] })).await;
    let missing = json!({ "data": [{ "sepal length (cm)": 5.1, "sepal width (cm)": 3.5,
                                     "petal length (cm)": 1.4 }] });
    let missing = refusal(&client, &key, &missing).await;

    assert_eq!(word["details"][0]["row"], 1, "{word}");
    assert_eq!(word["details"][0]["column"], "sepal width (cm)", "{word}");
    assert_eq!(short["details"][0]["row"], 2, "{short}");
    assert_eq!(missing["details"][0]["row"], 0, "{missing}");
    assert_eq!(missing["details"][0]["column"], "petal width (cm)", "{missing}");
}

#[tokio::test]
async fn an_unknown_document_and_broken_json_are_refused() {
    let edge = Edge::start();
    let client = edge.client().await;
    let key = client.publish("iris", &fixtures::onnx("iris_logistic")).await.keys.primary_key;

    let unknown = refusal(&client, &key, &json!({ "rows": [[1, 2, 3, 4]] })).await;
    let path = shared::paths::score("iris");
    let stranger = Client::anonymous(&edge.url);
    let broken = stranger.request(reqwest::Method::POST, &path).bearer_auth(&key);
    let broken = broken.header("content-type", "application/json").body("{\"data\": [[NaN");
    let broken = stranger.try_send(broken).await.unwrap().expect(400);

    assert_eq!(unknown["code"], "UnknownDialect", "{unknown}");
    assert!(broken.value()["code"].is_string(), "{}", broken.text());
}

#[tokio::test]
async fn a_wrong_key_is_401_and_an_unknown_service_404() {
    let edge = Edge::start();
    let client = edge.client().await;
    let key = client.publish("iris", &fixtures::onnx("iris_logistic")).await.keys.primary_key;
    let document = json!({ "data": [[5.1, 3.5, 1.4, 0.2]] });

    client.score("iris", "bm90IHRoZSBrZXk=", &document).await.expect(401);
    client.score("iris", &key, &document).await.expect(200);
    client.score("roses", &client.token, &document).await.expect(404);
    client.score("iris", &client.token, &document).await.expect(200);
    let path = shared::paths::score("iris");
    Client::anonymous(&edge.url).post(&path, &document).await.expect(401);
}

#[tokio::test]
async fn a_scorer_written_by_hand_is_served() {
    let edge = Edge::start();
    let client = edge.client().await;

    let published = client.publish("sum", &guests::sums_two()).await;

    let key = published.keys.primary_key;
    let document = json!({ "data": [[0.25, 0.5], { "second": 2 }] });
    assert_eq!(refusal_of(&client, "sum", &key, &document).await["details"][0]["row"], 1);
    let document = json!({ "data": [[0.25, 0.5], [1, 2]] });
    let answer = client.score("sum", &key, &document).await.expect(200);
    assert_eq!(answer.value(), json!({ "predict": [0.75, 3.0] }));
}

#[tokio::test]
async fn a_runaway_scorer_is_stopped_and_its_neighbour_keeps_answering() {
    let edge = Edge::start_with(&["--score-timeout", "1s"]);
    let client = edge.client().await;
    let runaway = client.publish("runaway", &guests::never_returns()).await.keys.primary_key;
    let trapping = client.publish("trapping", &guests::traps()).await.keys.primary_key;
    let sum = client.publish("sum", &guests::sums_two()).await.keys.primary_key;
    let document = json!({ "data": [[0.2, 0.7]] });

    let stuck = {
        let (client, document) = (client.clone(), document.clone());
        tokio::spawn(async move { client.score("runaway", &runaway, &document).await })
    };
    while !stuck.is_finished() {
        client.score("sum", &sum, &document).await.expect(200);
    }
    stuck.await.unwrap().expect(504);
    let trapped = client.score("trapping", &trapping, &document).await.expect(500);

    assert!(!trapped.text().contains("wasm"), "internals leak: {}", trapped.text());
    client.score("sum", &sum, &document).await.expect(200);
}

async fn refusal(client: &Client, key: &str, document: &Value) -> Value {
    refusal_of(client, "iris", key, document).await
}

async fn refusal_of(client: &Client, service: &str, key: &str, document: &Value) -> Value {
    client.score(service, key, document).await.expect(400).value()
}

fn numbers(row: &Value) -> Vec<f64> {
    row.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}
