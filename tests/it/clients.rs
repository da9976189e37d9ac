//! Other people's clients, from PyPI and in pinned versions, on real flows.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tests::{Edge, fixtures};

#[tokio::test]
async fn other_peoples_clients_score_as_they_are() {
    let edge = Edge::start();
    let client = edge.client().await;
    let trees = client.publish("trees", &fixtures::onnx("breast_cancer_gbdt_tensor")).await;
    let sugar = client.publish("sugar", &fixtures::onnx("diabetes_gbdt")).await;
    let all = fixtures::rows("breast_cancer");
    let tensors: Vec<&[f32]> = all.chunks(30).take(3).collect();
    let all = fixtures::rows("diabetes");
    let table: Vec<&[f32]> = all.chunks(10).take(2).collect();
    let columns = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"];

    let told = json!({
        "url": edge.url,
        "tensors": { "service": "trees", "key": trees.keys.primary_key, "rows": tensors },
        "table": {
            "service": "sugar", "key": sugar.keys.primary_key, "columns": columns, "rows": table,
        },
    });
    let heard = tokio::task::spawn_blocking(move || drive(&told)).await.unwrap();

    let ours = client.score("trees", &trees.keys.primary_key, &json!({ "data": tensors })).await;
    let odds = flat(&ours.expect(200).value()["predict_proba"]);
    for way in ["json", "binary", "packed", "deflated"] {
        same(&heard["triton"][way], &odds, way);
    }
    same(&heard["openInference"], &odds, "the generated client");
    assert!(heard["triton"]["refusal"].as_str().unwrap().contains("nothing"), "{heard}");
    let ours = client.score("sugar", &sugar.keys.primary_key, &json!({ "input_df": table })).await;
    let numbers = flat(&ours.expect(200).value());
    assert_eq!(flat(&heard["azureml"]["each"]), numbers);
    assert_eq!(flat(&heard["azureml"]["mapped"]), numbers);
}

fn drive(told: &Value) -> Value {
    let packages = fixtures::prepared_for_protocols();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocols/drive.py");
    let mut python = Command::new("python3")
        .arg(script)
        .env("PYTHONPATH", &packages.python_path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(told.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One of the answer's outputs holds these numbers.
#[track_caller]
fn same(outputs: &Value, numbers: &[f32], what: &str) {
    let outputs = outputs.as_object().unwrap();
    assert!(outputs.values().any(|output| flat(output) == numbers), "{what}: {outputs:?}");
}

/// Every number of nested arrays, as the `float32` that it is.
fn flat(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        number => number.as_f64().map(|number| number as f32).into_iter().collect(),
    }
}
