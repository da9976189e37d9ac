//! People sign in at the outside issuer: authorization code with PKCE.
//!
//! What must come back unchanged (state, nonce, verifier) travels in a sealed cookie, so that nothing
//! need be kept for visitors who never come back.

use std::{net::IpAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::{OutsideSignIn, PrincipalKind, SignInOptions, SignInWay, paths};
use subtle::ConstantTimeEq as _;

use super::{Outside, OutsideClient, keys::DOCUMENT_BYTES};
use crate::{Control, ControlError, OpenedSession, audit, clock, random};

/// How long somebody may take at the issuer.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
const PURPOSE: &str = "outside-sign-in";

/// Where to send somebody, and what to have brought back.
pub struct OutsideDeparture {
    /// The issuer's page.
    pub location: String,
    /// The value of a cookie for [`OutsideDeparture::lifetime`].
    pub cookie: String,
    /// How long the cookie is good.
    pub lifetime: Duration,
}

/// Somebody who came back with a session.
pub struct OutsideArrival {
    /// The session.
    pub session: OpenedSession,
    /// The page of the console that was asked for.
    pub return_to: String,
}

#[derive(Serialize, Deserialize)]
struct Journey {
    state: String,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    return_to: String,
    ends_at: i64,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

const LOST: ControlError = ControlError::Unauthenticated(
    "the sign-in took too long or was not begun here; begin again at the console",
);

impl Control {
    /// Which ways to sign in there are.
    pub fn sign_in_options(&self) -> SignInOptions {
        let client = self.inner.outside.as_ref().and_then(|outside| outside.config.client.as_ref());
        let outside = client.map(|client| OutsideSignIn {
            name: client.name.clone(),
            url: paths::OUTSIDE_SIGN_IN.to_owned(),
        });
        SignInOptions { outside }
    }

    /// Begins a sign-in at the outside issuer. `endpoint` is how the caller reaches us.
    pub async fn depart(
        &self,
        endpoint: &str,
        return_to: Option<&str>,
    ) -> Result<OutsideDeparture, ControlError> {
        let (outside, client) = self.outside_client()?;
        let known = outside.known(false).await?;
        // Only pages of the console, and nothing that a browser takes for another host.
        let return_to = return_to
            .filter(|path| path.starts_with(paths::CONSOLE) && !path.contains(['\\', '\r', '\n']))
            .unwrap_or(paths::CONSOLE);
        let journey = Journey {
            state: random::token(),
            nonce: random::token(),
            verifier: random::token(),
            redirect_uri: format!("{endpoint}{}", paths::OUTSIDE_CALLBACK),
            return_to: return_to.to_owned(),
            ends_at: clock::now() + clock::micros(PATIENCE),
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(journey.verifier.as_bytes()));
        let page = &known.addresses.authorization_endpoint;
        let mut location = page.clone();
        for (index, (name, value)) in [
            ("response_type", "code"),
            ("client_id", &client.id),
            ("redirect_uri", &journey.redirect_uri),
            ("scope", "openid profile"),
            ("state", &journey.state),
            ("nonce", &journey.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .into_iter()
        .enumerate()
        {
            let mark = if index == 0 && !page.contains('?') { '?' } else { '&' };
            location.push_str(&format!("{mark}{name}={}", paths::encode(value)));
        }
        let sealed = serde_json::to_vec(&journey).map_err(ControlError::internal)?;
        let sealed = self.inner.vault.seal(PURPOSE, &sealed)?;
        Ok(OutsideDeparture { location, cookie: paths::encode(&sealed), lifetime: PATIENCE })
    }

    /// Ends a sign-in at the outside issuer with a session here.
    pub async fn arrive(
        &self,
        cookie: Option<&str>,
        state: &str,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<OutsideArrival, ControlError> {
        let arrived = self.arrive_with(cookie, state, code, from).await;
        arrived.inspect_err(|_| audit::refused_sign_in("Outside", None))
    }

    async fn arrive_with(
        &self,
        cookie: Option<&str>,
        state: &str,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<OutsideArrival, ControlError> {
        let (outside, client) = self.outside_client()?;
        let journey = self.journey(cookie.ok_or(LOST)?).ok_or(LOST)?;
        let same = bool::from(journey.state.as_bytes().ct_eq(state.as_bytes()));
        if !same || journey.ends_at < clock::now() {
            return Err(LOST);
        }
        let known = outside.known(false).await?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &journey.redirect_uri),
            ("client_id", &client.id),
            ("code_verifier", &journey.verifier),
        ];
        if let Some(secret) = &client.secret {
            form.push(("client_secret", secret));
        }
        let url = &known.addresses.token_endpoint;
        let answer = outside.egress.post_form(url, &form, DOCUMENT_BYTES).await;
        let refused = "the outside issuer gave no token for this sign-in; begin again";
        let answer = answer.map_err(|error| {
            tracing::warn!(%error, "the outside issuer gave no token");
            ControlError::Unauthenticated(refused)
        })?;
        let tokens: Tokens =
            serde_json::from_slice(&answer).map_err(|_| ControlError::Unauthenticated(refused))?;
        let claims = outside.verify(&tokens.id_token, std::slice::from_ref(&client.id)).await?;
        let nonce = claims.get("nonce").and_then(serde_json::Value::as_str).unwrap_or_default();
        if !bool::from(journey.nonce.as_bytes().ct_eq(nonce.as_bytes())) {
            return Err(LOST);
        }
        let vouched = outside.vouched(&claims)?;
        let identity = self.inner.directory.vouched(&vouched, &self.inner.tenant.id);
        if identity.roles.is_empty() {
            return Err(ControlError::Forbidden {
                needs: shared::RoleName::Reader,
                scope: self.inner.tenant.root.as_str().to_owned(),
            });
        }
        if self.inner.directory.find_outside(&vouched.subject).is_none() {
            self.remember_outside_person(&vouched.subject, &vouched.name, &identity.id).await?;
        }
        let identity = self.inner.directory.vouched(&vouched, &self.inner.tenant.id);
        let session = self.new_session(identity, SignInWay::Outside, &vouched.groups, from).await?;
        Ok(OutsideArrival { session, return_to: journey.return_to })
    }

    /// A session needs somebody to belong to, also when only the groups have roles.
    async fn remember_outside_person(
        &self,
        subject: &str,
        name: &str,
        id: &str,
    ) -> Result<(), ControlError> {
        let mut write = self.inner.store.write().await?;
        sqlx::query(
            "INSERT INTO principals (id, tenant_id, client_id, display_name, created_at, kind,
                 sign_in_name)
             VALUES ($1, $2, $1, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(&self.inner.tenant.id)
        .bind(name)
        .bind(clock::now())
        .bind(PrincipalKind::OutsidePerson.as_str())
        .bind(subject)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await
    }

    fn outside_client(&self) -> Result<(&Outside, &OutsideClient), ControlError> {
        let outside = self.inner.outside.as_ref();
        outside.and_then(|outside| Some((outside, outside.config.client.as_ref()?))).ok_or_else(
            || ControlError::NotConfigured {
                message: "nobody signs in at an outside issuer on this server".to_owned(),
                remedy: "Start the server with `--oidc-issuer` and `--oidc-client-id`.".to_owned(),
            },
        )
    }

    fn journey(&self, cookie: &str) -> Option<Journey> {
        let sealed = cookie.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
        let bytes = self.inner.vault.open_sealed(PURPOSE, &sealed).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}
