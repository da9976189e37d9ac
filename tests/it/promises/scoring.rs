//! The token endpoint and the calls that score, each in every outcome that is documented.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::paths;
use tests::{Client, Edge, fixtures};

use super::{Body, Differences};

const JSON: &[&str] = &["content-type: application/json"];

#[tokio::test]
async fn tokens_are_given_and_refused_as_documented() {
    let edge = Edge::start();
    let (first, anyone) = (edge.bootstrap(), Client::anonymous(&edge.url));
    let token = paths::token(&first.tenant_id);
    let token2 = token.replace("/oauth2/token", "/oauth2/v2.0/token");
    let discovery = format!("/{}/v2.0/.well-known/openid-configuration", first.tenant_id);
    let keys = format!("/{}/discovery/v2.0/keys", first.tenant_id);
    let form = |path: &str, secret: &str, wanted: (&str, &str)| {
        anyone.request(Method::POST, path).form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &first.client_id),
            ("client_secret", secret),
            wanted,
        ])
    };
    let resource = ("resource", "https://management.azure.com/");
    let scope = ("scope", "https://management.azure.com/.default");
    let secret = first.client_secret.as_str();
    let get = |path: &str| anyone.request(Method::GET, path);

    let table: [(&str, RequestBuilder, u16, Body); 6] = [
        ("a token", form(&token, secret, resource), 200, Body::Json("Token")),
        ("a token by scope", form(&token2, secret, scope), 200, Body::Json("Token2")),
        ("a wrong secret", form(&token, "wrong", resource), 401, Body::Json("TokenError")),
        ("a wrong secret by scope", form(&token2, "wrong", scope), 401, Body::Json("TokenError")),
        ("discovery", get(&discovery), 200, Body::Json("Discovery")),
        ("signing keys", get(&keys), 200, Body::Json("KeySet")),
    ];

    let mut differences = Differences::default();
    for (what, request, status, body) in table {
        let answer = anyone.try_send(request).await.unwrap();
        differences.compare(what, &answer, status, JSON, body);
        if what == "a token" {
            let token = answer.value();
            for number in ["expires_in", "ext_expires_in", "expires_on", "not_before"] {
                assert!(token[number].is_string(), "`{number}` of {token} is a text");
            }
        }
        if what == "a token by scope" {
            assert!(answer.value()["expires_in"].is_u64(), "{}", answer.text());
        }
    }
    differences.none();
}

#[tokio::test]
async fn scoring_answers_and_refuses_as_documented() {
    let edge = Edge::start();
    let client = edge.client().await;
    let key = client.publish("iris", &fixtures::onnx("iris_logistic")).await.keys.primary_key;
    let anyone = Client::anonymous(&edge.url);
    let send = |method: Method, path: &str, key: &str, document: Option<&Value>| {
        let mut request = anyone.request(method, path);
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        if let Some(document) = document {
            request = request.json(document);
        }
        request
    };
    let get = |path: &str, key: &str| send(Method::GET, path, key, None);
    let post =
        |path: &str, key: &str, document: &Value| send(Method::POST, path, key, Some(document));

    let (score, swagger) = (paths::score("iris"), paths::swagger("iris"));
    let (health, nowhere) = (score.replace("score", ""), paths::score("roses"));
    let execute = "/workspaces/any/services/iris/execute?api-version=2.0&details=true";
    let no_execute = execute.replace("iris", "roses");
    let infer = "/v2/models/iris/infer";
    let rows = json!({ "data": [[5.1, 3.5, 1.4, 0.2]] });
    let short = json!({ "data": [[5.1, 3.5]] });
    let odd = json!({ "rows": [] });
    let table = |cell: &str| {
        json!({ "Inputs": { "input1": {
            "ColumnNames": ["sepal length (cm)", "sepal width (cm)", "petal length (cm)",
                "petal width (cm)"],
            "Values": [["5.1", "3.5", "1.4", cell]],
        } }, "GlobalParameters": {} })
    };
    let model = client.try_send(get("/v2/models/iris", &key)).await.unwrap().expect(200).value();
    let (name, datatype) = (&model["inputs"][0]["name"], &model["inputs"][0]["datatype"]);
    let tensor = |count: usize| {
        let data = vec![1.5; count];
        json!({ "inputs": [
            { "name": name, "datatype": datatype, "shape": [1, 4], "data": data },
        ] })
    };

    use Body::{Any, Json};
    let bearer: &[&str] = &["www-authenticate: Bearer"];
    let table: Vec<(&str, RequestBuilder, u16, &[&str], Body)> = vec![
        ("score", post(&score, &key, &rows), 200, JSON, Json("Probabilities")),
        ("score with a token", post(&score, &client.token, &rows), 200, JSON, Any),
        ("score with a wrong key", post(&score, "wrong", &rows), 401, bearer, Json("Error")),
        ("score without a key", post(&score, "", &rows), 401, bearer, Json("Error")),
        ("score nowhere", post(&nowhere, &key, &rows), 404, JSON, Json("Error")),
        ("score a short row", post(&score, &key, &short), 400, JSON, Json("Error")),
        ("score what nobody knows", post(&score, &key, &odd), 400, JSON, Json("Error")),
        ("a service's description", get(&swagger, &key), 200, JSON, Json("Swagger")),
        ("no description without a key", get(&swagger, ""), 401, bearer, Json("Error")),
        ("a service's health", get(&health, &key), 200, JSON, Any),
        ("execute", post(execute, &key, &table("0.2")), 200, JSON, Json("Results")),
        ("execute with a word", post(execute, &key, &table("tall")), 400, JSON, Json("Wrapped")),
        (
            "execute with a wrong key",
            post(execute, "no", &table("0")),
            401,
            bearer,
            Json("Wrapped"),
        ),
        ("execute nowhere", post(&no_execute, &key, &table("0")), 404, JSON, Json("Wrapped")),
        ("the protocol", get("/v2", ""), 200, JSON, Json("OpenInference")),
        ("live", get("/v2/health/live", ""), 200, &[], Any),
        ("ready", get("/v2/health/ready", ""), 200, &[], Any),
        ("a model", get("/v2/models/iris", &key), 200, JSON, Json("OpenInferenceModel")),
        ("a model's version", get("/v2/models/iris/versions/1", &key), 200, JSON, Any),
        ("a model is ready", get("/v2/models/iris/ready", &key), 200, &[], Any),
        ("no model", get("/v2/models/roses", &key), 404, JSON, Json("PlainError")),
        ("a model without a key", get("/v2/models/iris", ""), 401, bearer, Json("PlainError")),
        ("infer", post(infer, &key, &tensor(4)), 200, JSON, Json("Inferred")),
        ("infer too little", post(infer, &key, &tensor(3)), 400, JSON, Json("PlainError")),
    ];

    let mut differences = Differences::default();
    for (what, request, status, headers, body) in table {
        let answer = anyone.try_send(request).await.unwrap();
        differences.compare(what, &answer, status, headers, body);
        if what == "a service's health" {
            assert_eq!(answer.value(), "Healthy");
        }
    }
    differences.none();
}
