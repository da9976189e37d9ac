//! Every path that both ends name. Values are percent-encoded; fixed parts are spelled as documented.

use crate::{DeploymentId, ImageId, ManifestId, ModelId, OperationId, UploadId};

/// The `api-version` that our own clients send to model management.
pub const API_VERSION: &str = "2017-09-01-preview";
/// The older `api-version` that model management accepts.
pub const OLD_API_VERSION: &str = "2017-06-01-privatepreview";
/// Where sessions are opened and closed.
pub const SESSION: &str = "/api/session";
/// Who is signed in.
pub const ME: &str = "/api/me";
/// The clients that sign in with a secret.
pub const SERVICE_PRINCIPALS: &str = "/api/servicePrincipals";
/// The people and groups who sign in.
pub const PEOPLE: &str = "/api/people";
/// Open sessions.
pub const SESSIONS: &str = "/api/sessions";
/// The caller's password.
pub const PASSWORD: &str = "/api/me/password";
/// Which ways to sign in there are.
pub const SIGN_IN_OPTIONS: &str = "/api/signIn";
/// Leads to the outside issuer.
pub const OUTSIDE_SIGN_IN: &str = "/api/signIn/outside";
/// Where the outside issuer leads back to.
pub const OUTSIDE_CALLBACK: &str = "/api/signIn/outside/callback";
/// Who changed what.
pub const AUDIT: &str = "/api/audit";
/// The keys that sign access tokens.
pub const SIGNING_KEYS: &str = "/api/signingKeys";
/// Makes a new key sign.
pub const ROTATE_SIGNING_KEY: &str = "/api/signingKeys/rotate";
/// The subscriptions the caller may see.
pub const SUBSCRIPTIONS: &str = "/subscriptions";
/// Where the console lives.
pub const CONSOLE: &str = "/console/";
/// The page that a sign-in link opens; the token is its fragment.
pub const SIGN_IN: &str = "/console/sign-in";

/// Percent-encodes one path segment or query value (RFC 3986, unreserved characters stay).
pub fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Percent-encodes a path of several segments; `/` stays.
pub fn encode_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// The base path `{B}` of one model management account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPath(String);

impl AccountPath {
    /// From the three names.
    pub fn new(subscription: &str, resource_group: &str, account: &str) -> Self {
        Self(format!(
            "/api/subscriptions/{}/resourceGroups/{}/accounts/{}",
            encode(subscription),
            encode(resource_group),
            encode(account)
        ))
    }

    /// From an ARM id `/subscriptions/{s}/resourceGroups/{rg}/providers/…/accounts/{a}`.
    pub fn from_arm_id(id: &str) -> Option<Self> {
        let parts: Vec<&str> = id.trim_start_matches('/').split('/').collect();
        match parts.as_slice() {
            [_, subscription, _, group, _, _, _, account] => {
                Some(Self::new(subscription, group, account))
            }
            _ => None,
        }
    }

    /// `{B}`.
    pub fn base(&self) -> &str {
        &self.0
    }

    /// `{B}/models`.
    pub fn models(&self) -> String {
        format!("{}/models", self.0)
    }

    /// `{B}/models/{id}`.
    pub fn model(&self, id: ModelId) -> String {
        format!("{}/models/{id}", self.0)
    }

    /// `{B}/models/{id}/signature`.
    pub fn model_signature(&self, id: ModelId) -> String {
        format!("{}/models/{id}/signature", self.0)
    }

    /// `{B}/models/{id}/costs`.
    pub fn model_costs(&self, id: ModelId) -> String {
        format!("{}/models/{id}/costs", self.0)
    }

    /// `{B}/models/{id}/graph`.
    pub fn model_graph(&self, id: ModelId) -> String {
        format!("{}/models/{id}/graph", self.0)
    }

    /// `{B}/manifests`.
    pub fn manifests(&self) -> String {
        format!("{}/manifests", self.0)
    }

    /// `{B}/manifests/{id}`.
    pub fn manifest(&self, id: ManifestId) -> String {
        format!("{}/manifests/{id}", self.0)
    }

    /// `{B}/images`.
    pub fn images(&self) -> String {
        format!("{}/images", self.0)
    }

    /// `{B}/images/{id}`.
    pub fn image(&self, id: ImageId) -> String {
        format!("{}/images/{id}", self.0)
    }

    /// `{B}/images/{id}/{part}`: `signature`, `log`, `module.wasm`, `portable.wasm` or `content`.
    pub fn image_part(&self, id: ImageId, part: &str) -> String {
        format!("{}/images/{id}/{part}", self.0)
    }

    /// `{B}/services`.
    pub fn services(&self) -> String {
        format!("{}/services", self.0)
    }

    /// `{B}/services/{id}`; `id` is a service's id or name.
    pub fn service(&self, id: &str) -> String {
        format!("{}/services/{}", self.0, encode(id))
    }

    /// `{B}/services/{id}/keys`.
    pub fn service_keys(&self, id: &str) -> String {
        format!("{}/keys", self.service(id))
    }

    /// `{B}/services/{id}/regenerateKeys`.
    pub fn regenerate_keys(&self, id: &str) -> String {
        format!("{}/regenerateKeys", self.service(id))
    }

    /// `{B}/services/{id}/metrics`: history.
    pub fn service_metrics(&self, id: &str) -> String {
        format!("{}/metrics", self.service(id))
    }

    /// `{B}/services/{id}/metrics/live`: a stream, the last `seconds` of the past first.
    pub fn live_service_metrics(&self, id: &str, seconds: u32) -> String {
        format!("{}/metrics/live?last={seconds}", self.service(id))
    }

    /// `{B}/metrics`: history of all services together.
    pub fn metrics(&self) -> String {
        format!("{}/metrics", self.0)
    }

    /// `{B}/metrics/live`: a stream, the last `seconds` of the past first.
    pub fn live_metrics(&self, seconds: u32) -> String {
        format!("{}/metrics/live?last={seconds}", self.0)
    }

    /// `{B}/services/{id}/{part}`: `logs`, `traces` or `data`.
    pub fn service_part(&self, id: &str, part: &str) -> String {
        format!("{}/{part}", self.service(id))
    }

    /// `{B}/services/{id}/data/{file}`.
    pub fn collected_file(&self, id: &str, file: &str) -> String {
        format!("{}/{}", self.service_part(id, "data"), encode(file))
    }

    /// `{B}/deployments`.
    pub fn deployments(&self) -> String {
        format!("{}/deployments", self.0)
    }

    /// `{B}/deployments/{id}`.
    pub fn deployment(&self, id: DeploymentId) -> String {
        format!("{}/deployments/{id}", self.0)
    }

    /// `{B}/operations`.
    pub fn operations(&self) -> String {
        format!("{}/operations", self.0)
    }

    /// `{B}/operations/{id}`.
    pub fn operation(&self, id: OperationId) -> String {
        format!("{}/operations/{id}", self.0)
    }

    /// `{B}/operations/{id}/cancel`.
    pub fn cancel_operation(&self, id: OperationId) -> String {
        format!("{}/operations/{id}/cancel", self.0)
    }

    /// `{B}/artifacts/{path}`.
    pub fn artifact(&self, path: &str) -> String {
        format!("{}/artifacts/{}", self.0, encode_path(path))
    }

    /// `{B}/uploads`.
    pub fn uploads(&self) -> String {
        format!("{}/uploads", self.0)
    }

    /// `{B}/uploads/{id}`.
    pub fn upload(&self, id: UploadId) -> String {
        format!("{}/uploads/{id}", self.0)
    }

    /// `{B}/uploads/{id}/complete`.
    pub fn complete_upload(&self, id: UploadId) -> String {
        format!("{}/uploads/{id}/complete", self.0)
    }
}

/// Adds our `api-version` to a model management path.
pub fn versioned(path: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}api-version={API_VERSION}")
}

/// `/api/v1/service/{name}/score`.
pub fn score(service: &str) -> String {
    format!("/api/v1/service/{}/score", encode(service))
}

/// `/api/v1/service/{name}/swagger.json`.
pub fn swagger(service: &str) -> String {
    format!("/api/v1/service/{}/swagger.json", encode(service))
}

/// `/{tenant}/oauth2/token`.
pub fn token(tenant: &str) -> String {
    format!("/{}/oauth2/token", encode(tenant))
}

/// `/api/servicePrincipals/{id}`.
pub fn service_principal(id: &str) -> String {
    format!("{SERVICE_PRINCIPALS}/{}", encode(id))
}

/// `/api/servicePrincipals/{id}/secrets`.
pub fn secrets(id: &str) -> String {
    format!("{}/secrets", service_principal(id))
}

/// `/api/servicePrincipals/{id}/secrets/{secret}`.
pub fn secret(id: &str, secret: &str) -> String {
    format!("{}/{}", secrets(id), encode(secret))
}

/// `/api/people/{id}`.
pub fn person(id: &str) -> String {
    format!("{PEOPLE}/{}", encode(id))
}

/// `/api/people/{id}/signInLink`.
pub fn person_link(id: &str) -> String {
    format!("{}/signInLink", person(id))
}

/// `/api/sessions/{id}`.
pub fn session(id: &str) -> String {
    format!("{SESSIONS}/{}", encode(id))
}

/// The role assignments at an ARM scope.
pub fn role_assignments(scope: &str) -> String {
    format!("{}/providers/Microsoft.Authorization/roleAssignments", scope.trim_end_matches('/'))
}

/// One role assignment at an ARM scope; `name` is a GUID.
pub fn role_assignment(scope: &str, name: &str) -> String {
    format!("{}/{}", role_assignments(scope), encode(name))
}

/// The roles that may be given at an ARM scope.
pub fn role_definitions(scope: &str) -> String {
    format!("{}/providers/Microsoft.Authorization/roleDefinitions", scope.trim_end_matches('/'))
}

/// Every model management account of a subscription.
pub fn accounts(subscription: &str) -> String {
    format!(
        "/subscriptions/{}/providers/Microsoft.MachineLearningModelManagement/accounts",
        encode(subscription)
    )
}

/// The namespace of model management accounts.
pub const MODEL_MANAGEMENT: &str = "Microsoft.MachineLearningModelManagement";
/// The namespace of workspaces.
pub const SERVICES: &str = "Microsoft.MachineLearningServices";

/// The ARM id of a resource group.
pub fn resource_group(subscription: &str, resource_group: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{resource_group}")
}

/// The ARM id of a workspace.
pub fn workspace_arm_id(subscription: &str, group: &str, workspace: &str) -> String {
    format!("{}/providers/{SERVICES}/workspaces/{workspace}", resource_group(subscription, group))
}

/// The ARM id of a model management account.
pub fn account_arm_id(subscription: &str, resource_group: &str, account: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/Microsoft.MachineLearningModelManagement/accounts/{account}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_escape_their_segment() {
        let path = AccountPath::new("s", "a/../b?c", "x y");

        assert_eq!(
            path.base(),
            "/api/subscriptions/s/resourceGroups/a%2F..%2Fb%3Fc/accounts/x%20y"
        );
    }

    #[test]
    fn an_arm_id_gives_the_base_address() {
        let id = account_arm_id("s", "rg", "acc");

        assert_eq!(AccountPath::from_arm_id(&id), Some(AccountPath::new("s", "rg", "acc")));
    }
}
