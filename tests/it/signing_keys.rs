//! How many keys may sign or verify tokens at a time.

use serde_json::json;
use shared::paths;
use tests::Edge;

/// Keys that verify; every caller's library downloads all of them.
const MOST: usize = 64;

#[tokio::test]
async fn a_token_outlives_sixty_three_rotations_and_the_sixty_fourth_is_refused() {
    let edge = Edge::start();
    let first = edge.client().await;
    let published = |answer: &serde_json::Value| answer["keys"].as_array().unwrap().len();

    for _ in 1..MOST {
        first.post(paths::ROTATE_SIGNING_KEY, &json!({})).await.expect(201);
    }

    let refusal = first.post(paths::ROTATE_SIGNING_KEY, &json!({})).await.expect(413).value();
    assert_eq!(refusal["code"], "LimitExceeded", "{refusal}");
    assert!(refusal.to_string().contains("64 keys that still verify"), "{refusal}");
    assert!(refusal.to_string().contains("Wait until"), "{refusal}");
    let path = format!("/{}/discovery/v2.0/keys", edge.bootstrap().tenant_id);
    assert_eq!(published(&first.get(&path).await.expect(200).value()), MOST);
    // The oldest token and the newest both open the door, also after the refusal.
    let newest = edge.client().await;
    for client in [&first, &newest] {
        client.get(&paths::versioned(&client.account.models())).await.expect(200);
    }
}
