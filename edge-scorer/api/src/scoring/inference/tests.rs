use serde_json::{Value, json};

use super::*;

fn signature() -> Signature {
    serde_json::from_value(json!({
        "contract": 1,
        "symbols": [{"name": "rows", "min": 1, "max": 9}],
        "inputs": [
            {"name": "X", "type": "float32", "shape": ["rows", 2]},
            {"name": "city", "type": "string", "shape": ["rows"]}
        ],
        "outputs": [
            {"name": "label", "type": "string", "shape": ["rows"]},
            {"name": "p", "type": "float32", "shape": ["rows", 2]},
            {"name": "half", "type": "float16", "shape": ["rows"]}
        ]
    }))
    .unwrap()
}

fn x() -> Value {
    json!({"name": "X", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]})
}

fn city() -> Value {
    json!({"name": "city", "shape": [2], "datatype": "BYTES", "data": ["Bonn", "Köln"]})
}

fn expected() -> Vec<Tensor> {
    let cities = vec!["Bonn".to_owned(), "Köln".to_owned()];
    vec![
        Tensor::new(vec![2, 2], TensorData::Float32(vec![1.0, 2.0, 3.0, 4.0])).unwrap(),
        Tensor::new(vec![2], TensorData::String(cities)).unwrap(),
    ]
}

fn read_json(request: &Value, bytes: &[u8]) -> Result<Vec<Tensor>, String> {
    let json = request.to_string();
    read(json.as_bytes(), bytes, &signature(), Halves::Binary)
        .map(|asked| asked.inputs)
        .map_err(|refusal| refusal.message)
}

fn ask(inputs: Value) -> Value {
    json!({"inputs": inputs, "outputs": [{"name": "p"}]})
}

#[test]
fn inputs_are_found_by_name_flat_or_nested() {
    let mut nested = x();
    nested["data"] = json!([[1, 2], ["3", 4]]);

    assert_eq!(read_json(&ask(json!([city(), x()])), &[]), Ok(expected()));
    assert_eq!(read_json(&ask(json!([nested, city()])), &[]), Ok(expected()));
}

#[test]
fn what_does_not_match_the_signature_is_refused() {
    let changed = |member: &str, value: Value| {
        let mut input = x();
        input[member] = value;
        ask(json!([input, city()]))
    };
    for (request, word) in [
        (ask(json!([x()])), "`city` is missing"),
        (ask(json!([x(), x(), city()])), "twice"),
        (changed("name", json!("Y")), "no input `Y`"),
        (changed("datatype", json!("FP64")), "FP32"),
        (changed("shape", json!([2, 3])), "[-1, 2]"),
        (changed("shape", json!([4])), "[-1, 2]"),
        (changed("shape", json!([-2, 2])), "dimension"),
        (changed("shape", json!([3, 2])), "do not fill"),
        (changed("shape", json!([u64::MAX, 2])), "too large"),
        (changed("data", json!([1, 2, 3])), "do not fill"),
        (changed("data", json!([[1, 2, 3], [4]])), "different lengths"),
        (changed("data", json!([1, 2, 3, "x"])), "not a number"),
        (changed("data", json!(5)), "not an array"),
        (changed("parameters", json!({"binary_data_size": 16})), "binary"),
        (json!({"outputs": []}), "no `inputs`"),
        (json!({"inputs": {}}), "not an array"),
        (json!({"inputs": [x(), city()], "outputs": [{"name": "q"}]}), "no output `q`"),
        (json!({"inputs": [x(), city()], "outputs": [{"name": "p"}, {"name": "p"}]}), "twice"),
        (json!({"inputs": [x(), city()]}), "binary data only"),
    ] {
        let message = read_json(&request, &[]).unwrap_err();
        assert!(message.contains(word), "{request}: {message}");
    }
}

fn binary_request() -> (Value, Vec<u8>) {
    let mut bytes: Vec<u8> =
        [1.0_f32, 2.0, 3.0, 4.0].into_iter().flat_map(f32::to_le_bytes).collect();
    let text = bytes.len();
    for city in ["Bonn", "Köln"] {
        bytes.extend((city.len() as u32).to_le_bytes());
        bytes.extend(city.bytes());
    }
    let request = ask(json!([
        {"name": "X", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": text}},
        {"name": "city", "shape": [2], "datatype": "BYTES",
            "parameters": {"binary_data_size": bytes.len() - text}}
    ]));
    (request, bytes)
}

#[test]
fn tensors_may_follow_as_bytes() {
    let (request, bytes) = binary_request();

    assert_eq!(read_json(&request, &bytes), Ok(expected()));
}

#[test]
fn sizes_that_do_not_add_up_are_refused() {
    let (request, bytes) = binary_request();

    for length in 0..bytes.len() {
        assert!(read_json(&request, &bytes[..length]).is_err(), "{length} bytes");
    }
    let more = [bytes.as_slice(), &[0]].concat();
    assert!(read_json(&request, &more).unwrap_err().contains("1 bytes follow"));
    assert!(read_json(&ask(json!([x(), city()])), &[0]).is_err());
}

fn outputs() -> Vec<Tensor> {
    let labels = vec!["yes".to_owned(), "ñ".to_owned()];
    vec![
        Tensor::new(vec![2], TensorData::String(labels)).unwrap(),
        Tensor::new(vec![2, 2], TensorData::Float32(vec![0.1, 0.9, f32::NAN, 0.5])).unwrap(),
        Tensor::new(vec![2], TensorData::Float16(vec![0x3c00, 0xc000])).unwrap(),
    ]
}

fn answer(request: &Value) -> Answer {
    let json = request.to_string();
    let asked = read(json.as_bytes(), &[], &signature(), Halves::Binary).unwrap();
    write(&asked, Some(("breast-cancer", 3)), &signature(), &outputs())
}

#[test]
fn only_the_outputs_asked_for_are_answered_in_that_order() {
    let request = json!({"id": "a\"b", "inputs": [x(), city()], "outputs": [{"name": "p"}, {"name": "label"}]});

    let answer = answer(&request);

    assert_eq!(answer.json_bytes, None);
    assert_eq!(
        serde_json::from_slice::<Value>(&answer.body).unwrap(),
        json!({"model_name": "breast-cancer", "model_version": "3", "id": "a\"b", "outputs": [
            {"name": "p", "shape": [2, 2], "datatype": "FP32", "data": [0.1, 0.9, null, 0.5]},
            {"name": "label", "shape": [2], "datatype": "BYTES", "data": ["yes", "ñ"]}
        ]})
    );
}

#[test]
fn binary_outputs_follow_the_json() {
    let request = json!({"inputs": [x(), city()], "parameters": {"binary_data_output": true},
        "outputs": [{"name": "half"}, {"name": "label"}, {"name": "p", "parameters": {"binary_data": false}}]});

    let answer = answer(&request);

    let (json, tail) = answer.body.split_at(answer.json_bytes.unwrap());
    let json: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(json["outputs"][0]["parameters"]["binary_data_size"], 4);
    assert_eq!(json["outputs"][1]["parameters"]["binary_data_size"], 13);
    assert_eq!(json["outputs"][2]["data"][0], 0.1);
    assert_eq!(tail, b"\x00\x3c\x00\xc0\x03\0\0\0yes\x02\0\0\0\xc3\xb1");
}

#[test]
fn metadata_shows_minus_one_for_what_is_not_fixed() {
    let shown = metadata(&signature().outputs);

    assert_eq!(shown[1], json!({"name": "p", "datatype": "FP32", "shape": [-1, 2]}));
}
