//! Sessions of the console, and the one-time links that open them.

use std::{net::IpAddr, time::Duration};

use shared::{Me, SessionRequest};

use crate::{Control, ControlError, Principal, control::unfinished};

/// What a caller sent to prove who it is.
#[derive(Debug, Clone, Copy)]
pub enum SessionProof<'a> {
    /// `Authorization: Bearer …`.
    Bearer(&'a str),
    /// The value of the session cookie.
    Cookie(&'a str),
}

/// A session that was just opened.
pub struct OpenedSession {
    /// The value of the cookie.
    pub cookie: String,
    /// How long it lives.
    pub lifetime: Duration,
    /// Who signed in.
    pub principal: Principal,
}

impl Control {
    /// Who is calling.
    pub async fn authenticate(&self, _proof: SessionProof<'_>) -> Result<Principal, ControlError> {
        Err(unfinished())
    }

    /// Opens a session.
    pub async fn open_session(
        &self,
        _request: SessionRequest,
        _from: Option<IpAddr>,
    ) -> Result<OpenedSession, ControlError> {
        Err(unfinished())
    }

    /// Closes a session. `false` when there was none.
    pub async fn close_session(&self, _cookie: &str) -> Result<bool, ControlError> {
        Err(unfinished())
    }

    /// A token for a sign-in link of the administrator.
    pub async fn sign_in_token(&self) -> Result<String, ControlError> {
        Err(unfinished())
    }

    /// `GET /api/me`.
    pub fn me(&self, caller: &Principal) -> Me {
        use crate::Action::{Access, Keys, Read, Score, Write};
        let scopes: Vec<_> = caller.identity.roles.iter().map(|(scope, _)| scope).collect();
        let actions = [Read, Write, Keys, Access, Score]
            .into_iter()
            .filter(|action| scopes.iter().any(|scope| caller.may(*action, scope)))
            .map(|action| action.as_str().to_owned())
            .collect();
        Me {
            name: caller.name().to_owned(),
            tenant_id: caller.tenant_id().to_owned(),
            roles: caller.roles(),
            actions,
            csrf_token: caller.csrf_token().map(str::to_owned),
        }
    }
}
