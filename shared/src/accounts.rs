//! Subscriptions and model management accounts, in ARM's shapes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// `{value: […]}`.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ArmListOf{T}"))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArmList<T> {
    /// The rows.
    pub value: Vec<T>,
    /// Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
}

/// A subscription.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// `/subscriptions/{subscriptionId}`.
    pub id: String,
    /// A GUID.
    pub subscription_id: String,
    /// A GUID.
    pub tenant_id: String,
    /// For people.
    pub display_name: String,
    /// `Enabled`.
    pub state: String,
}

/// A resource group.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceGroup {
    /// `/subscriptions/{s}/resourceGroups/{name}`.
    pub id: String,
    /// Last segment of the path.
    pub name: String,
    /// `Microsoft.Resources/resourceGroups`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// A region's name.
    pub location: String,
    /// Free words.
    pub tags: BTreeMap<String, String>,
    /// Always null: nothing here manages groups for others.
    pub managed_by: Option<String>,
    /// The rest.
    pub properties: Provisioned,
}

/// The rest of a resource that is there.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provisioned {
    /// `Succeeded`.
    pub provisioning_state: String,
}

/// A model management account.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// ARM path.
    pub id: String,
    /// Last segment of the path.
    pub name: String,
    /// `Microsoft.MachineLearningModelManagement/accounts`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// A region's name.
    pub location: String,
    /// Free words.
    pub tags: BTreeMap<String, String>,
    /// Tier.
    pub sku: Sku,
    /// The rest.
    pub properties: AccountProperties,
}

/// Tier of an account.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sku {
    /// `S1`, `S2`, `S3` or `DevTest`.
    pub name: String,
    /// Units.
    pub capacity: Option<u32>,
}

/// The rest of an account.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountProperties {
    /// Free text.
    pub description: Option<String>,
    /// When it was created.
    pub created_on: Timestamp,
    /// When it was last changed.
    pub modified_on: Timestamp,
    /// This URL less its last segment is the account's base address.
    pub model_management_swagger_location: String,
}
