//! Tokens, sessions, links, secrets and roles.

use control::{
    Audience, ClientCredentials, Control, ControlError, OpenError, Principal, SessionProof,
    TokenError, TokenRequest, TokenVersion, admin,
};
use shared::{ErrorCode, RoleAssignment, RoleName, SessionRequest};

use crate::edge::{Edge, config, enter, open, sign_in};

const RESOURCE: &str = "https://management.azure.com/";

fn request(edge: &Edge, secret: &str) -> TokenRequest {
    TokenRequest {
        tenant: edge.first.tenant_id.clone(),
        version: TokenVersion::V1,
        audience: Audience::Resource(RESOURCE.to_owned()),
        credentials: ClientCredentials {
            client_id: edge.first.client_id.clone(),
            client_secret: secret.to_owned(),
        },
        endpoint: "http://127.0.0.1:8080".to_owned(),
        from: None,
    }
}

async fn bearer(control: &Control, token: &str) -> Result<Principal, ControlError> {
    control.authenticate(SessionProof::Bearer(token)).await
}

#[tokio::test]
async fn a_token_of_either_version_names_its_principal() {
    let edge = Edge::new().await;
    let v1 = request(&edge, &edge.first.client_secret);
    let v2 = TokenRequest {
        tenant: "common".to_owned(),
        version: TokenVersion::V2,
        audience: Audience::Scope(format!("{RESOURCE}.default")),
        ..v1.clone()
    };
    for request in [v1, v2] {
        let token = edge.control.issue_token(request).await.unwrap();

        let principal = bearer(&edge.control, &token.access_token).await.unwrap();

        assert_eq!(principal.name(), "Administrator");
        assert_eq!(token.expires_on - token.not_before, 3600);
    }
}

#[tokio::test]
async fn what_was_not_signed_here_is_refused() {
    let edge = Edge::new().await;
    let request = request(&edge, &edge.first.client_secret);
    let token = edge.control.issue_token(request).await.unwrap().access_token;
    let parts: Vec<&str> = token.split('.').collect();
    let none = {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        format!("{header}.{}.", parts[1])
    };
    let cut = format!("{}.{}.AAAA", parts[0], parts[1]);
    let stranger = {
        let other = Edge::new().await;
        let request = self::request(&other, &other.first.client_secret);
        other.control.issue_token(request).await.unwrap().access_token
    };

    for bad in [none, cut, stranger, "nonsense".to_owned(), String::new()] {
        let refusal = bearer(&edge.control, &bad).await.unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::AuthenticationFailed, "{bad}");
    }
}

#[tokio::test]
async fn keys_rotate_and_old_tokens_live_out_their_time() {
    let edge = Edge::new().await;
    let token = edge.control.issue_token(request(&edge, &edge.first.client_secret)).await.unwrap();
    let before = edge.control.json_web_keys();

    edge.control.rotate_signing_key(edge.account.principal()).await.unwrap();

    let after = edge.control.json_web_keys();
    assert_eq!((before.keys.len(), after.keys.len()), (1, 2));
    assert_ne!(after.keys[0], before.keys[0]);
    assert!(bearer(&edge.control, &token.access_token).await.is_ok());
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_the_eleventh_not_even_tried() {
    let edge = Edge::new().await;
    for _ in 0..10 {
        let refusal = edge.control.issue_token(request(&edge, "guess")).await.err().unwrap();
        assert!(matches!(refusal, TokenError::InvalidClient));
    }

    let refusal = edge.control.issue_token(request(&edge, &edge.first.client_secret)).await;

    assert!(matches!(refusal, Err(TokenError::TooManyAttempts { .. })));
}

#[tokio::test]
async fn tokens_are_issued_for_known_audiences_and_tenants_only() {
    let edge = Edge::new().await;
    let good = request(&edge, &edge.first.client_secret);
    let elsewhere = TokenRequest {
        audience: Audience::Resource("https://example.org".to_owned()),
        ..good.clone()
    };
    let stranger = TokenRequest { tenant: "contoso.example".to_owned(), ..good };

    let refusal = edge.control.issue_token(elsewhere).await;
    assert!(matches!(refusal, Err(TokenError::InvalidAudience(_))));
    let refusal = edge.control.issue_token(stranger).await;
    assert!(matches!(refusal, Err(TokenError::UnknownTenant(_))));
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let edge = Edge::new().await;
    let link = || SessionRequest::Link { sign_in_token: edge.first.sign_in_token.clone() };

    let session = edge.control.open_session(link(), None).await.unwrap();
    assert!(edge.control.open_session(link(), None).await.is_err());

    let principal = edge.control.authenticate(SessionProof::Cookie(&session.cookie)).await.unwrap();
    assert_eq!(principal.csrf_token(), session.principal.csrf_token());
    assert!(principal.csrf_token().is_some());
    assert_eq!(edge.control.me(&principal).actions, ["read", "write", "keys", "access", "score"]);

    assert!(edge.control.close_session(&session.cookie).await.unwrap());
    assert!(edge.control.authenticate(SessionProof::Cookie(&session.cookie)).await.is_err());
}

#[tokio::test]
async fn the_operator_makes_links_and_secrets_beside_a_running_server() {
    let edge = Edge::new().await;

    let token = admin::sign_in_token(edge.folder.path(), None).await.unwrap();
    let reset = admin::reset_secret(edge.folder.path(), None).await.unwrap();

    let link = SessionRequest::Link { sign_in_token: token };
    assert!(edge.control.open_session(link, None).await.is_ok());
    let old = edge.control.issue_token(request(&edge, &edge.first.client_secret)).await;
    assert!(matches!(old, Err(TokenError::InvalidClient)));
    assert_eq!(reset.client_id, edge.first.client_id);
    assert!(edge.control.issue_token(request(&edge, &reset.client_secret)).await.is_ok());
    let nowhere = admin::sign_in_token(&edge.folder.path().join("nowhere"), None).await;
    assert!(matches!(nowhere, Err(OpenError::NoStore(_))));
}

#[tokio::test]
async fn a_reader_reads_and_a_scorer_does_not_even_that() {
    let edge = Edge::new().await;
    let (control, owner) = (&edge.control, edge.account.principal());
    let (made, secret) = control.create_service_principal(owner, "robot", &[]).await.unwrap();
    let credentials =
        ClientCredentials { client_id: made.client_id.clone(), client_secret: secret.secret };
    let scope = edge.account.scope().as_str().to_owned();
    let first = &edge.first;
    let enter = async |robot: &Principal| {
        control.enter(robot, &first.subscription_id, &first.resource_group, &first.account).await
    };
    let query = control::ListQuery::default();
    let filter = control::ModelFilter::default();

    let robot = sign_in(control, credentials.clone()).await;
    let refusal = enter(&robot).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::AuthorizationFailed);

    let reader = RoleAssignment { scope: scope.clone(), role: RoleName::Reader };
    control.assign_role(owner, &made.id, reader.clone()).await.unwrap();
    let robot = sign_in(control, credentials.clone()).await;
    let access = enter(&robot).await.unwrap();
    assert!(control.models(&access, &filter, &query).await.is_ok());
    assert!(matches!(
        control.delete_model(&access, &first.account).await,
        Err(ControlError::Forbidden { needs: RoleName::Contributor, .. })
    ));
    assert!(control.service_keys(&access, "any").await.is_err());
    assert!(control.service_principals(&robot).await.is_err());

    control.remove_role(owner, &made.id, reader).await.unwrap();
    let scorer = RoleAssignment { scope, role: RoleName::Scorer };
    control.assign_role(owner, &made.id, scorer).await.unwrap();
    let robot = sign_in(control, credentials).await;
    let access = enter(&robot).await.unwrap();
    assert!(matches!(
        control.models(&access, &filter, &query).await,
        Err(ControlError::Forbidden { .. })
    ));

    control.delete_service_principal(owner, &made.id).await.unwrap();
    assert!(control.delete_service_principal(owner, owner.id()).await.is_err(), "the last owner");
}

#[tokio::test]
async fn a_folder_has_one_server_and_its_own_key() {
    let edge = Edge::new().await;
    let data = edge.folder.path().to_owned();
    let second = Control::open(config(&data)).await;
    assert!(matches!(second, Err(OpenError::InUse(_))));

    edge.control.shutdown().await;
    let Edge { control, account, first, folder } = edge;
    drop((control, account));
    let key = data.join("master.key");
    let kept = std::fs::read(&key).unwrap();

    std::fs::remove_file(&key).unwrap();
    let missing = Control::open(config(&data)).await;
    assert!(matches!(missing, Err(OpenError::MasterKeyMissing(path)) if path == key));
    std::fs::write(&key, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").unwrap();
    let wrong = Control::open(config(&data)).await;
    assert!(matches!(wrong, Err(OpenError::MasterKeyWrong(path)) if path == key));

    std::fs::write(&key, kept).unwrap();
    let again = open(folder.path()).await;
    assert!(again.first_start.is_none());
    enter(&again.control, &first).await;
}
