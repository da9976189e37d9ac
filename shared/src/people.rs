//! People who sign in to the console, and who of an outside issuer is known here.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET /api/people` | | `ArmList<Person>` |
//! | `POST /api/people` | [`PersonRequest`] | 201 [`NewPerson`] |
//! | `GET /api/people/{id}` | | [`Person`] |
//! | `DELETE /api/people/{id}` | | 200, 204 when absent |
//! | `POST /api/people/{id}/signInLink` | | 201 [`SignInLink`]; also resets a forgotten password |
//!
//! All of them need the role Owner of the subscription. Roles are given through
//! [`crate::paths::role_assignment`] with the `id` as `principalId`.

use serde::{Deserialize, Serialize};

use crate::{RoleAssignment, Timestamp, wire_enum::wire_enum};

wire_enum! {
    /// What a principal is.
    PrincipalKind {
        /// A client that signs in with a secret.
        ServicePrincipal = "ServicePrincipal",
        /// Somebody who signs in here, with a link and then a password.
        Person = "Person",
        /// Somebody whom the outside issuer vouches for, by its subject claim.
        OutsidePerson = "OutsidePerson",
        /// Everybody whom the outside issuer puts into a group, by its groups claim.
        OutsideGroup = "OutsideGroup",
    }
}

/// Somebody who may sign in, or a group of them.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// A GUID; `principalId` of role assignments.
    pub id: String,
    /// `Person`, `OutsidePerson` or `OutsideGroup`.
    pub kind: PrincipalKind,
    /// For people.
    pub display_name: String,
    /// What a person types to sign in; the issuer's subject or group for the outside kinds.
    pub sign_in_name: String,
    /// Whether a password was set; until then only a link signs in.
    pub has_password: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Every role.
    pub roles: Vec<RoleAssignment>,
}

/// Makes somebody known.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonRequest {
    /// `Person` when absent.
    #[serde(default)]
    pub kind: Option<PrincipalKind>,
    /// For people.
    pub display_name: String,
    /// See [`Person::sign_in_name`].
    pub sign_in_name: String,
    /// What may be done from the start.
    #[serde(default)]
    pub roles: Vec<RoleAssignment>,
}

/// Somebody who was just made known.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewPerson {
    /// The person.
    #[serde(flatten)]
    pub person: Person,
    /// To be handed over; null for the outside kinds, who sign in at their issuer.
    pub sign_in_link: Option<SignInLink>,
}

/// Opens the console once. Whoever has it is let in: hand it over as a password is.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInLink {
    /// The absolute address; its fragment is the secret.
    pub url: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}
