//! Every dialect that scores: what goes in, what comes out, and in which encoding.

use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::paths;
use tests::{Answer, Client, Edge, fixtures};

use crate::packing::{Block, gzip, zstd_frame};

/// A service, and somebody who has nothing but its key.
struct Desk {
    _edge: Edge,
    caller: Client,
    key: String,
    service: String,
}

impl Desk {
    async fn with(service: &str, model: &str) -> Self {
        let edge = Edge::start();
        let key = edge.client().await.publish(service, &fixtures::onnx(model)).await;
        Self {
            caller: Client::anonymous(&edge.url),
            key: key.keys.primary_key,
            service: service.to_owned(),
            _edge: edge,
        }
    }

    fn request(&self, path: &str) -> RequestBuilder {
        self.caller.request(Method::POST, path).bearer_auth(&self.key)
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        self.caller.try_send(request).await.unwrap()
    }

    async fn post(&self, path: &str, document: &Value) -> Answer {
        self.send(self.request(path).json(document)).await
    }

    fn invocations(&self) -> String {
        paths::score(&self.service).replace("/score", "/invocations")
    }
}

const SETOSA: [f64; 4] = [5.1, 3.5, 1.4, 0.2];
const VIRGINICA: [f64; 4] = [6.3, 3.3, 6.0, 2.5];
const COLUMNS: [&str; 4] =
    ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"];

#[tokio::test]
async fn every_documented_document_is_answered_in_its_own_shape() {
    let desk = Desk::with("iris", "iris_logistic_text").await;
    let score = paths::score("iris");
    let rows = [SETOSA, VIRGINICA];
    let labels = json!(["setosa", "virginica"]);
    let table = json!({ "columns": COLUMNS, "index": [0, 1], "data": rows });
    let text: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(f64::to_string).collect()).collect();
    let ports = json!({ "input1": { "ColumnNames": COLUMNS, "Values": text } });

    for (document, answer) in [
        (json!({ "data": rows, "method": "predict" }), json!({ "predict": labels })),
        (json!({ "input_df": rows }), labels.clone()),
        (json!({ "input_data": rows }), labels.clone()),
        (json!({ "input_data": table }), labels.clone()),
        (
            json!({ "Inputs": { "data": rows }, "GlobalParameters": {} }),
            json!({ "Results": labels }),
        ),
    ] {
        assert_eq!(desk.post(&score, &document).await.expect(200).value(), answer, "{document}");
    }
    let document =
        json!({ "Inputs": { "data": rows }, "GlobalParameters": { "method": "predict_proba" } });
    let odds = desk.post(&score, &document).await.expect(200).value();
    assert_eq!(odds["Results"].as_array().unwrap().len(), 2, "{odds}");
    assert_eq!(odds["Results"][0].as_array().unwrap().len(), 3, "{odds}");

    let document = json!({ "Inputs": ports, "GlobalParameters": {} });
    let here = desk.post(&score, &document).await.expect(200).value();
    let execute = "/workspaces/any/services/iris/execute?api-version=2.0";
    let there = desk.post(&format!("{execute}&details=true"), &document).await.expect(200).value();
    let bare = desk.post(execute, &document).await.expect(200).value();
    assert_eq!(here, there);
    let value = &there["Results"]["output1"]["value"];
    assert_eq!(value["ColumnNames"][3], "Scored Labels", "{there}");
    assert_eq!(value["ColumnTypes"], json!(["Double", "Double", "Double", "String"]));
    assert_eq!((&value["Values"][0][3], &value["Values"][1][3]), (&labels[0], &labels[1]));
    assert!(bare["Results"]["output1"]["value"].get("ColumnNames").is_none(), "{bare}");
    assert_eq!(bare["Results"]["output1"]["value"]["Values"], value["Values"]);
}

#[tokio::test]
async fn the_request_response_service_refuses_in_its_own_words() {
    let desk = Desk::with("iris", "iris_logistic").await;
    let execute = "/workspaces/any/services/iris/execute?api-version=2.0&details=true";
    let ports = json!({ "Inputs": { "input1": {
        "ColumnNames": COLUMNS, "Values": [["5.1", "3.5", "1.4", "0.2"], ["5.1", "tall", "1.4", "0.2"]],
    } } });

    let word = desk.post(execute, &ports).await.expect(400).value();
    let wrong = desk.caller.request(Method::POST, execute).bearer_auth("wrong").json(&ports);
    let wrong = desk.send(wrong).await.expect(401).value();
    let nowhere = execute.replace("services/iris", "services/roses");
    let unknown = desk.post(&nowhere, &ports).await.expect(404).value();

    assert_eq!(word["error"]["code"], "BadArgument", "{word}");
    assert_eq!(word["error"]["details"][0]["target"], "row 1, column sepal width (cm)", "{word}");
    assert_eq!(wrong["error"]["code"], "Unauthorized", "{wrong}");
    assert_eq!(unknown["error"]["code"], "NotFound", "{unknown}");
}

#[tokio::test]
async fn rows_come_and_go_as_csv() {
    let desk = Desk::with("iris", "iris_logistic_text").await;
    let score = paths::score("iris");
    let csv = |text: String| desk.request(&score).header("content-type", "text/csv").body(text);
    let header = COLUMNS.join(",");
    let rows = "5.1,3.5,1.4,0.2\n6.3,3.3,6.0,2.5\n";

    let json = desk.send(csv(format!("{header}\n{rows}"))).await.expect(200);
    let chosen = desk.request(&format!("{score}?method=predict"));
    let chosen = chosen.header("content-type", "text/csv; header=absent").body(rows);
    let chosen = desk.send(chosen.header("accept", "text/csv")).await.expect(200);
    let every = csv(format!("{header}\n{rows}")).header("accept", "text/csv, */*;q=0.1");
    let every = desk.send(every).await.expect(200);
    let short = desk.send(csv(format!("{header}\n1,2,3\n"))).await.expect(400).value();
    let word = desk.send(csv(format!("{header}\n{rows}1,2,wide,4\n"))).await.expect(400).value();
    let other = desk.request(&score).header("content-type", "text/plain").body(rows);
    desk.send(other).await.expect(415);

    assert_eq!(json.value()["predict_proba"].as_array().unwrap().len(), 2);
    assert_eq!(chosen.text().lines().skip(1).collect::<Vec<_>>(), ["setosa", "virginica"]);
    assert!(every.header("content-type").starts_with("text/csv"), "{:?}", every.headers);
    let text = every.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0].split(',').count()), (3, 4), "{text}");
    assert_eq!(short["details"][0]["row"], 0, "{short}");
    assert_eq!(word["details"][0]["row"], 2, "{word}");
    assert_eq!(word["details"][0]["column"], "petal length (cm)", "{word}");
}

#[tokio::test]
async fn bodies_may_be_packed_and_bombs_are_refused() {
    let desk = Desk::with("iris", "iris_logistic").await;
    let score = paths::score("iris");
    let document = json!({ "data": vec![SETOSA; 500] });
    let packed = |body: Vec<u8>, coding: &'static str| {
        let request = desk.request(&score).header("content-type", "application/json");
        request.header("content-encoding", coding).body(body)
    };

    let plain = desk.post(&score, &document).await.expect(200);
    let asked = packed(gzip(document.to_string().as_bytes()), "gzip");
    let asked = desk.send(asked.header("accept-encoding", "gzip")).await.expect(200);
    let mut bomb = b"{\"data\": [".to_vec();
    bomb.resize(17 << 20, b' ');
    let bomb = desk.send(packed(gzip(&bomb), "gzip")).await.expect(413);
    desk.send(packed(b"no gzip".to_vec(), "gzip")).await.expect(400);
    let zstd = zstd_frame(&[Block::Raw(document.to_string().as_bytes())]);
    assert_eq!(desk.send(packed(zstd, "zstd")).await.expect(200).body, plain.body);
    // 600 bytes that say: 128 KiB of blanks, 136 times.
    let blanks = zstd_frame(&[Block::Repeated(b' ', 128 << 10); 136]);
    assert!(blanks.len() < 600);
    let refusal = desk.send(packed(blanks, "zstd")).await.expect(413);
    assert!(refusal.text().contains("16777216"), "{}", refusal.text());
    desk.send(packed(b"no zstd".to_vec(), "zstd")).await.expect(400);
    desk.send(packed(b"{}".to_vec(), "br")).await.expect(415);

    assert_eq!(asked.header("content-encoding"), "gzip");
    assert!(asked.body.len() < plain.body.len() / 4, "{} bytes", asked.body.len());
    let mut unpacked = Vec::new();
    GzDecoder::new(asked.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    assert!(bomb.text().contains("16777216"), "{}", bomb.text());
}

#[tokio::test]
async fn mlflows_documents_are_answered_with_predictions() {
    let desk = Desk::with("iris", "iris_logistic_text").await;
    let path = desk.invocations();
    let rows = [SETOSA, VIRGINICA];
    let record = |row: [f64; 4]| COLUMNS.iter().zip(row).map(|(c, v)| (*c, v)).collect::<Vec<_>>();
    let records: Vec<Value> = rows
        .iter()
        .map(|row| record(*row).into_iter().map(|(c, v)| (c.to_owned(), json!(v))).collect())
        .collect();
    let columns: Value = COLUMNS
        .iter()
        .enumerate()
        .map(|(place, name)| ((*name).to_owned(), json!([rows[0][place], rows[1][place]])))
        .collect();

    for document in [
        json!({ "dataframe_split": { "columns": COLUMNS, "index": [0, 1], "data": rows } }),
        json!({ "dataframe_records": records }),
        json!({ "instances": rows }),
        json!({ "inputs": rows }),
        json!({ "inputs": columns }),
    ] {
        let answer = desk.post(&path, &document).await.expect(200).value();
        assert_eq!(answer, json!({ "predictions": ["setosa", "virginica"] }), "{document}");
    }
    let odds = json!({ "instances": rows, "params": { "method": "predict_proba" } });
    let odds = desk.post(&path, &odds).await.expect(200).value();
    assert_eq!(odds["predictions"][1].as_array().unwrap().len(), 3, "{odds}");
    let unknown = desk.post(&path, &json!({ "data": rows })).await.expect(400).value();
    assert_eq!(unknown["code"], "UnknownDialect", "{unknown}");
    assert!(unknown["details"][0]["message"].as_str().unwrap().contains("dataframe_split"));
}

#[tokio::test]
async fn numbers_are_read_and_written_without_loss() {
    let desk = Desk::with("iris", "iris_logistic").await;
    let score = paths::score("iris");

    let bare = desk.post(&score, &json!({ "data": [[5.1, 3.5, 1.4, 0.2]] })).await.expect(200);
    let quoted = json!({ "data": [["5.1", "3.5", "1.4e0", " 0.2 "]] });
    let quoted = desk.post(&score, &quoted).await.expect(200);
    let missing = desk.post(&score, &json!({ "data": [[null, 3.5, 1.4, 0.2]] })).await.expect(200);
    for number in ["NaN", "Infinity", "1e39", "true", "\"tall\"", "[1]"] {
        let body = format!("{{\"data\": [[5.1, {number}, 1.4, 0.2]]}}");
        let request = desk.request(&score).header("content-type", "application/json").body(body);
        let refusal = desk.send(request).await.expect(400).value();
        assert_eq!(refusal["details"][0]["row"], 0, "{number}: {refusal}");
        assert_eq!(refusal["details"][0]["column"], "sepal width (cm)", "{number}: {refusal}");
    }

    assert_eq!(bare.body, quoted.body);
    for text in bare.text().trim_matches(|c: char| !c.is_ascii_digit()).split(',') {
        let number: f32 = text.parse().unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), text, "the shortest float32");
    }
    assert!(missing.value()["predict_proba"][0].is_array(), "{}", missing.text());
}

#[tokio::test]
async fn a_token_scores_with_the_role_scorer_and_sees_nothing_else() {
    let edge = Edge::start();
    let owner = edge.client().await;
    owner.publish("iris", &fixtures::onnx("iris_logistic")).await;
    let bootstrap = edge.bootstrap();
    let scope = format!("/subscriptions/{}", bootstrap.subscription_id);
    let request = json!({ "displayName": "till", "roles": [{ "scope": scope, "role": "Scorer" }] });
    let made = owner.post(paths::SERVICE_PRINCIPALS, &request).await.expect(201).value();
    let mut theirs = bootstrap.clone();
    theirs.client_id = made["clientId"].as_str().unwrap().to_owned();
    theirs.client_secret = made["secret"]["secret"].as_str().unwrap().to_owned();

    let till = Client::sign_in(&edge.url, &theirs).await;

    let document = json!({ "data": [SETOSA] });
    till.post(&paths::score("iris"), &document).await.expect(200);
    till.get("/v2/models/iris").await.expect(200);
    till.get("/api/v1/service/iris/swagger.json").await.expect(200);
    till.get(&paths::versioned(&till.account.services())).await.expect(403);
    let listed = till.get("/subscriptions?api-version=2019-11-01").await.expect(200).value();
    assert_eq!(listed["value"], json!([]));
    for path in [scope.clone(), format!("{scope}/resourceGroups")] {
        till.get(&format!("{path}?api-version=2019-11-01")).await.expect(404);
        owner.get(&format!("{path}?api-version=2019-11-01")).await.expect(200);
    }
}

#[tokio::test]
async fn the_description_of_a_service_keeps_the_models_column_order() {
    let edge = Edge::start();
    let client = edge.client().await;
    client.publish("iris", &fixtures::onnx("iris_logistic")).await;

    for (query, example) in [("", "/definitions"), ("?version=3", "/components/schemas")] {
        let path = format!("/api/v1/service/iris/swagger.json{query}");
        let described = client.get(&path).await.expect(200).value();
        let schema = |name: &str| described.pointer(&format!("{example}/{name}")).unwrap().clone();
        let input = schema("ServiceInput");
        let row = input["example"]["data"][0].as_object().unwrap().clone();

        assert_eq!(row.keys().collect::<Vec<_>>(), COLUMNS, "{path}");
        let answer = client.post(&paths::score("iris"), &input["example"]).await.expect(200);
        assert_eq!(answer.value(), schema("ServiceOutput")["example"], "{path}");
    }
}
