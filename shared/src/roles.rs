//! Role assignments and role definitions, in ARM's shapes.
//!
//! `{scope}` is a subscription, resource group, workspace or model management account.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET {scope}/providers/Microsoft.Authorization/roleAssignments` | | `ArmList<RoleAssignmentResource>`: at this scope, above it and below it |
//! | the same with `$filter=atScope()` | | at this scope and above it |
//! | the same with `$filter=principalId eq '{guid}'` | | of one principal |
//! | `PUT {scope}/providers/Microsoft.Authorization/roleAssignments/{guid}` | [`RoleAssignmentRequest`] | 201, 200 when it is there already |
//! | `GET`, `DELETE` of the same | | 200; delete 204 when absent |
//! | `GET {scope}/providers/Microsoft.Authorization/roleDefinitions` `$filter=roleName eq 'Reader'` | | `ArmList<RoleDefinition>` |
//!
//! Reading needs Reader at the scope, changing needs Owner. An assignment is at its `properties.scope`;
//! one that is above the scope in question is inherited and is changed where it is.

use serde::{Deserialize, Serialize};

use crate::{PrincipalKind, RoleName, Timestamp};

/// A role assignment, as ARM shows it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignmentResource {
    /// `{scope}/providers/Microsoft.Authorization/roleAssignments/{name}`.
    pub id: String,
    /// A GUID.
    pub name: String,
    /// `Microsoft.Authorization/roleAssignments`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The rest.
    pub properties: RoleAssignmentProperties,
}

/// The rest of a role assignment.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleAssignmentProperties {
    /// Where it holds, and below.
    pub scope: String,
    /// `/subscriptions/{s}/providers/Microsoft.Authorization/roleDefinitions/{guid}`.
    pub role_definition_id: String,
    /// Who has the role.
    pub principal_id: String,
    /// `ServicePrincipal`, `User`, `ForeignGroup`: the documented words.
    pub principal_type: String,
    /// Free text.
    pub description: Option<String>,
    /// When it was given.
    pub created_on: Timestamp,
    /// Assignments are not changed: the same.
    pub updated_on: Timestamp,
    /// Who gave it; null for what the first start made.
    pub created_by: Option<String>,
    /// Ours: the role's name.
    pub role_name: RoleName,
    /// Ours: the principal's display name.
    pub principal_name: String,
    /// Ours: what the principal is.
    pub principal_kind: PrincipalKind,
}

/// Gives a role.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignmentRequest {
    /// What and who.
    pub properties: RoleAssignmentRequestProperties,
}

/// What role, and who.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleAssignmentRequestProperties {
    /// The id of a role definition; its last segment decides. A role's name will do.
    pub role_definition_id: String,
    /// The `id` of a service principal, person or group.
    pub principal_id: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
}

/// A role that may be given.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleDefinition {
    /// `{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}`.
    pub id: String,
    /// A GUID, the same everywhere.
    pub name: String,
    /// `Microsoft.Authorization/roleDefinitions`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The rest.
    pub properties: RoleDefinitionProperties,
}

/// The rest of a role definition.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleDefinitionProperties {
    /// Its name.
    pub role_name: RoleName,
    /// `BuiltInRole`.
    #[serde(rename = "type")]
    pub role_type: String,
    /// For people.
    pub description: String,
    /// Where it may be given.
    pub assignable_scopes: Vec<String>,
    /// What it allows.
    pub permissions: Vec<RolePermissions>,
}

/// What a role allows, in ARM's words.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolePermissions {
    /// Allowed.
    pub actions: Vec<String>,
    /// Taken from `actions`.
    pub not_actions: Vec<String>,
    /// Allowed on data.
    pub data_actions: Vec<String>,
    /// Taken from `data_actions`.
    pub not_data_actions: Vec<String>,
}

impl RoleName {
    /// The GUID of the role's definition: the documented one where there is one.
    pub fn definition(self) -> &'static str {
        match self {
            Self::Owner => "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
            Self::Contributor => "b24988ac-6180-42a0-ab88-20f7382dd24c",
            Self::Reader => "acdd72a7-3385-48ef-bd42-f606fba81ae7",
            Self::Scorer => "2f6c1d0a-7a4e-4d53-9b7e-5c0a8e3f1b64",
        }
    }

    /// The role that the id of a definition, its GUID or a role's name stands for.
    pub fn from_definition(id: &str) -> Option<Self> {
        let last = id.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        Self::ALL.iter().copied().find(|role| {
            role.definition().eq_ignore_ascii_case(last) || role.as_str().eq_ignore_ascii_case(last)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_found_by_its_id_its_guid_and_its_name() {
        for role in RoleName::ALL {
            let id = format!(
                "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{}",
                role.definition()
            );
            assert_eq!(RoleName::from_definition(&id), Some(*role));
            assert_eq!(RoleName::from_definition(role.definition()), Some(*role));
            assert_eq!(RoleName::from_definition(&role.as_str().to_lowercase()), Some(*role));
        }
        assert_eq!(RoleName::from_definition("/subscriptions/s"), None);
        assert_eq!(RoleName::from_definition(""), None);
    }
}
