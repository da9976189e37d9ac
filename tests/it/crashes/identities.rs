//! Clients, people and their roles, written while the process is killed.

use serde_json::{Value, json};
use shared::{Bootstrap, paths};
use tests::Client;

use super::{
    ledger::{Acknowledged, Ledger},
    writers::send,
};

const ARM: &str = "?api-version=2022-04-01";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Makes a client with a role and a person, and removes the ones before.
pub(super) async fn admit_and_dismiss(
    client: Client,
    ledger: Ledger,
    first: Bootstrap,
    round: usize,
) {
    let post = async |path: &str, body: &Value| {
        let request = client.request(reqwest::Method::POST, path).json(body);
        send(&client, request, 201).await.map(|answer| answer.value())
    };
    let mut before: Vec<(String, String)> = Vec::new();
    let mut story = async |n: usize| -> Option<()> {
        let name = format!("robot-{round}-{n}");
        let made = post(paths::SERVICE_PRINCIPALS, &json!({ "displayName": name })).await?;
        let (id, secret) = (text(&made["id"]), text(&made["secret"]["secret"]));
        let client_id = text(&made["clientId"]);
        ledger.note(Acknowledged::Admitted { id: id.clone(), client_id, secret });

        let group = paths::resource_group(&first.subscription_id, &first.resource_group);
        // The client's own id names its assignment.
        let assignment = format!("{}{ARM}", paths::role_assignment(&group, &id));
        let role = json!({ "properties": { "roleDefinitionId": "Reader", "principalId": id } });
        let request = client.request(reqwest::Method::PUT, &assignment).json(&role);
        send(&client, request, 201).await?;
        ledger.note(Acknowledged::Assigned { path: assignment });

        let name = format!("person-{round}-{n}");
        let person = json!({ "displayName": name, "signInName": name });
        let person = text(&post(paths::PEOPLE, &person).await?["id"]);
        ledger.note(Acknowledged::Invited { id: person.clone() });

        for (path, id) in std::mem::take(&mut before) {
            // From here on it may be gone, acknowledged or not, and its roles with it.
            ledger.forget(|entry| match entry {
                Acknowledged::Admitted { id: of, .. } | Acknowledged::Invited { id: of } => {
                    *of == id
                }
                Acknowledged::Assigned { path } => path.contains(&id),
                _ => false,
            });
            send(&client, client.request(reqwest::Method::DELETE, &path), 200).await?;
            ledger.note(Acknowledged::Dismissed { path });
        }
        before = vec![(paths::service_principal(&id), id), (paths::person(&person), person)];
        Some(())
    };
    let mut n = 0;
    while story(n).await.is_some() {
        n += 1;
    }
}

pub(super) async fn check(client: &Client, entry: &Acknowledged, round: &str) {
    match entry {
        Acknowledged::Admitted { id, client_id, secret } => {
            let found = client.get(&paths::service_principal(id)).await.expect(200).value();
            assert_eq!(found["clientId"], client_id.as_str(), "{round}");
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", client_id),
                ("client_secret", secret),
                ("resource", "https://management.azure.com/"),
            ];
            let stranger = Client::anonymous(&client.url);
            let path = paths::token("common");
            let request = stranger.request(reqwest::Method::POST, &path).form(&form);
            stranger.try_send(request).await.unwrap().expect(200);
        }
        Acknowledged::Invited { id } => {
            client.get(&paths::person(id)).await.expect(200);
        }
        Acknowledged::Assigned { path } => {
            let found = client.get(path).await.expect(200).value();
            let of = text(&found["properties"]["principalId"]);
            assert!(path.contains(&of), "{round}: {found}");
        }
        Acknowledged::Dismissed { path } => {
            let answer = client.get(path).await;
            assert_eq!(answer.status, 404, "{round}: {path} is back");
        }
        _ => unreachable!("the others are looked at elsewhere"),
    }
}
