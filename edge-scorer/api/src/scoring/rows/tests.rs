use engine::{Tensor, TensorData};
use shared::Signature;

use super::*;

fn signature(inputs: &str) -> Signature {
    serde_json::from_str(&format!(
        r#"{{"contract":1,"symbols":[{{"name":"rows","min":1,"max":9}}],"inputs":[{inputs}],"outputs":[]}}"#
    ))
    .unwrap()
}

const TWO: &str = r#"{"name":"X","type":"float32","shape":["rows",2]}"#;
const NAMED: &str =
    r#"{"name":"X","type":"float32","shape":["rows",2],"columns":["age","height"]}"#;
const MIXED: &str = r#"{"name":"age","type":"int64","shape":["rows",1]},{"name":"city","type":"string","shape":["rows",1]}"#;
const IMAGE: &str = r#"{"name":"image","type":"uint8","shape":["rows",2,3]}"#;
const SEQUENCE: &str = r#"{"name":"ids","type":"int64","shape":["rows","length"]}"#;

fn read_rows(inputs: &str, json: &str) -> Result<Inputs, Refusal> {
    let signature = signature(inputs);
    read(&mut Scanner::new(json), &Frame::of(&signature), None)
}

fn numbers(inputs: &str, json: &str) -> Vec<f32> {
    read_rows(inputs, json).unwrap().tensors[0].as_f32().unwrap().to_vec()
}

/// Message, row and column of a refusal.
fn refusal(inputs: &str, json: &str) -> (String, Option<u64>, Option<String>) {
    let refusal = read_rows(inputs, json).unwrap_err();
    (refusal.message, refusal.detail.row, refusal.detail.column)
}

#[test]
fn arrays_are_in_the_signatures_order() {
    let inputs = read_rows(TWO, "[[1,\"2\"],[null,4e0]]").unwrap();

    assert_eq!(inputs.rows, 2);
    assert_eq!(inputs.tensors[0].shape(), [2, 2]);
    let values = inputs.tensors[0].as_f32().unwrap();
    assert_eq!((values[0], values[1], values[3]), (1.0, 2.0, 4.0));
    assert!(values[2].is_nan());
}

#[test]
fn objects_are_in_any_order() {
    let json = r#"[{"age":1,"height":2},{"height":4,"age":3}]"#;

    assert_eq!(numbers(NAMED, json), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn without_names_of_its_own_a_model_takes_the_first_rows_keys() {
    let json = r#"[{"b":1,"a":2},{"a":4,"b":3}]"#;

    assert_eq!(numbers(TWO, json), [1.0, 2.0, 3.0, 4.0]);
    let (_, row, column) = refusal(TWO, r#"[{"b":1,"a":2},{"a":4,"c":3}]"#);
    assert_eq!((row, column.as_deref()), (Some(1), Some("c")));
    let (_, row, column) = refusal(TWO, r#"[{"b":1,"a":2},{"a":4}]"#);
    assert_eq!((row, column.as_deref()), (Some(1), Some("b")));
    let (message, ..) = refusal(TWO, r#"[{"a":1,"b":2,"c":3}]"#);
    assert!(message.contains('c'), "{message}");
}

#[test]
fn several_inputs_of_one_value_are_columns() {
    let expected = vec![
        Tensor::new(vec![2, 1], TensorData::Int64(vec![30, 40])).unwrap(),
        Tensor::new(vec![2, 1], TensorData::String(vec!["Bonn".to_owned(), "Köln".to_owned()]))
            .unwrap(),
    ];

    for json in [
        r#"[[30,"Bonn"],["40","Köln"]]"#,
        r#"[{"city":"Bonn","age":30},{"age":40,"city":"K\u00f6ln"}]"#,
    ] {
        assert_eq!(read_rows(MIXED, json).unwrap().tensors, expected, "{json}");
    }
}

#[test]
fn an_image_is_nested_or_flat_or_named() {
    let expected = Tensor::new(vec![1, 2, 3], TensorData::Uint8(vec![1, 2, 3, 4, 5, 6])).unwrap();

    for json in ["[[[1,2,3],[4,5,6]]]", "[[1,2,3,4,5,6]]", r#"[{"image":[[1,2,3],[4,5,6]]}]"#] {
        assert_eq!(
            read_rows(IMAGE, json).unwrap().tensors,
            std::slice::from_ref(&expected),
            "{json}"
        );
    }
    for json in
        ["[[[1,2],[3,4],[5,6]]]", "[[1,2,3,4,5]]", "[[[1,2,3],[4,5]]]", "[[[1,2,3],[4,5,256]]]"]
    {
        let (_, row, column) = refusal(IMAGE, json);
        assert_eq!((row, column.as_deref()), (Some(0), Some("image")), "{json}");
    }
}

#[test]
fn rows_of_a_sequence_model_are_of_one_length() {
    let inputs = read_rows(SEQUENCE, "[[1,2,3],[4,5,6]]").unwrap();
    assert_eq!(inputs.tensors[0].shape(), [2, 3]);

    let (message, row, _) = refusal(SEQUENCE, "[[1,2,3],[4,5]]");
    assert_eq!(row, Some(1));
    assert!(message.contains("[2]") && message.contains("[length]"), "{message}");
}

#[test]
fn no_rows_are_rows_too() {
    let inputs = read_rows(TWO, " [ ] ").unwrap();

    assert_eq!((inputs.rows, inputs.tensors[0].shape()), (0, &[0, 2][..]));
}

#[test]
fn bad_cells_are_named_by_row_and_column() {
    for (inputs, json, row, column, word) in [
        (TWO, r#"[[1,2],[3,"four"]]"#, 1, Some("x1"), "text"),
        (NAMED, r#"[{"age":true,"height":2}]"#, 0, Some("age"), "not a number"),
        (NAMED, r#"[{"age":1}]"#, 0, Some("height"), "missing"),
        (NAMED, r#"[{"age":1,"size":2}]"#, 0, Some("size"), "no column"),
        (NAMED, r#"[{"age":1,"age":2}]"#, 0, Some("age"), "twice"),
        (NAMED, "[[1,NaN]]", 0, Some("height"), "use null"),
        (TWO, "[[1,2],[3]]", 1, None, "has 1 values"),
        (TWO, "[[1,2],[3,4,5,6]]", 1, None, "has 4 values"),
        (TWO, "[[1,2],{\"a\":1,\"b\":2}]", 1, None, "another kind"),
        (TWO, "[5]", 0, None, "neither an array"),
        (TWO, "[[1,2],[3,4e]]", 1, Some("x1"), "not JSON"),
        (MIXED, r#"[[1.5,"Bonn"]]"#, 0, Some("age"), "whole number"),
        (MIXED, r#"[[null,"Bonn"]]"#, 0, Some("age"), "null"),
        (MIXED, "[[1,2]]", 0, Some("city"), "not text"),
    ] {
        let (message, found, place) = refusal(inputs, json);
        assert_eq!((found, place.as_deref()), (Some(row), column), "{json}: {message}");
        assert!(message.contains(word), "{json}: {message}");
    }
}

#[test]
fn a_header_names_each_column_once() {
    let signature = signature(NAMED);
    let frame = Frame::of(&signature);
    let of = |names: &[&'static str]| {
        header(&names.iter().map(|name| Cow::Borrowed(*name)).collect::<Vec<_>>(), &frame.columns())
    };

    assert_eq!(of(&["height", "age"]).unwrap(), [1, 0]);
    for (names, word) in [
        (&["age"][..], "`height` is missing"),
        (&["age", "age"], "twice"),
        (&["age", "height", "weight"], "`weight`"),
    ] {
        let message = of(names).unwrap_err().message;
        assert!(message.contains(word), "{message}");
    }
    let read = read(&mut Scanner::new("[[2,1],[4,3]]"), &frame, Some(&[1, 0])).unwrap();
    assert_eq!(read.tensors[0].as_f32().unwrap(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn what_is_written_by_one_hand_is_read_by_the_other() {
    // Any table of numbers, as arrays or as objects with shuffled keys, gives the same tensor.
    let mut seed = 7_u64;
    let mut draw = move |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    for _ in 0..300 {
        let (rows, width) = (draw(5), 1 + draw(6));
        let names: Vec<String> = (0..width).map(|column| format!("c\"{column}ü")).collect();
        let spec = serde_json::json!({"name": "X", "type": "float32", "shape": ["rows", width], "columns": names});
        let table: Vec<Vec<f32>> = (0..rows)
            .map(|_| (0..width).map(|_| draw(1 << 20) as f32 / 64.0 - 8_000.0).collect())
            .collect();
        let arrays = serde_json::to_string(&table).unwrap();
        let mut objects = Vec::new();
        for row in &table {
            let mut members: Vec<String> = names
                .iter()
                .zip(row)
                .map(|(name, value)| format!("{} : {value}", serde_json::to_string(name).unwrap()))
                .collect();
            let turn = draw(width) as usize;
            members.rotate_left(turn);
            objects.push(format!("{{{}}}", members.join(" , ")));
        }
        let objects = format!("[{}]", objects.join(",\n"));

        let expected: Vec<f32> = table.concat();
        assert_eq!(numbers(&spec.to_string(), &arrays), expected);
        assert_eq!(numbers(&spec.to_string(), &objects), expected);
    }
}
