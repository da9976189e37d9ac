//! What the first start writes for scripts.

use serde::{Deserialize, Serialize};

/// The content of `--bootstrap-file`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bootstrap {
    /// Base of every address.
    pub endpoint: String,
    /// A GUID.
    pub tenant_id: String,
    /// The administrator's service principal.
    pub client_id: String,
    /// Its secret; cannot be read again.
    pub client_secret: String,
    /// A GUID.
    pub subscription_id: String,
    /// Name.
    pub resource_group: String,
    /// Name.
    pub workspace: String,
    /// Name of the model management account.
    pub account: String,
    /// Opens the console once.
    pub sign_in_link: String,
}
