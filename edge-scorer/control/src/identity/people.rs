//! People who sign in here, and who of the outside issuer is known. Only owners of the subscription
//! may look at them or change them.

use shared::{Person, PersonRequest, PrincipalKind, Timestamp};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{principals::valid_name, sessions::insert_sign_in_link};
use crate::{Control, ControlError, Kind, Principal, audit, clock, random};

/// Longest sign-in name, subject or group in characters.
const SIGN_IN_NAME_CHARS: usize = 256;
const COLUMNS: &str = "SELECT id, kind, display_name, sign_in_name, password_hash IS NOT NULL, \
     created_at FROM principals WHERE kind <> 'ServicePrincipal'";

/// The token of a sign-in link: `/console/sign-in#<token>`.
#[derive(Clone)]
pub struct LinkToken {
    /// The secret.
    pub token: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

impl Control {
    /// Everybody, oldest first.
    pub async fn people(&self, caller: &Principal) -> Result<Vec<Person>, ControlError> {
        self.require_access(caller)?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY created_at, id")))
            .fetch_all(self.inner.store.read())
            .await?;
        rows.iter().map(|row| self.person_of(row)).collect()
    }

    /// One of them.
    pub async fn person(&self, caller: &Principal, id: &str) -> Result<Person, ControlError> {
        self.require_access(caller)?;
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND id = $1")))
            .bind(id.to_ascii_lowercase())
            .fetch_optional(self.inner.store.read())
            .await?
            .ok_or_else(|| ControlError::not_found(Kind::Person, id))?;
        self.person_of(&row)
    }

    /// Makes somebody known, with roles; a person who signs in here gets a link.
    pub async fn create_person(
        &self,
        caller: &Principal,
        request: &PersonRequest,
    ) -> Result<(Person, Option<LinkToken>), ControlError> {
        self.require_access(caller)?;
        let kind = request.kind.unwrap_or(PrincipalKind::Person);
        if kind == PrincipalKind::ServicePrincipal {
            return Err(ControlError::invalid(
                "a service principal is no person",
                "POST it to /api/servicePrincipals.",
            ));
        }
        if kind != PrincipalKind::Person && self.inner.outside.is_none() {
            return Err(ControlError::NotConfigured {
                message: "no outside issuer is configured".to_owned(),
                remedy: "Start the server with `--oidc-issuer` and `--oidc-audience`.".to_owned(),
            });
        }
        let display_name = valid_name(&request.display_name)?;
        let sign_in_name = valid_sign_in_name(kind, &request.sign_in_name)?;
        let places = self.resolve_roles(caller, &request.roles).await?;
        let id = random::uuid().to_string();
        let mut write = self.inner.store.write().await?;
        let taken: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM principals WHERE sign_in_name = $1
             AND (kind = $2 OR (administrator = 1 AND $2 = 'Person'))",
        )
        .bind(&sign_in_name)
        .bind(kind.as_str())
        .fetch_optional(&mut *write)
        .await?;
        if taken.is_some() {
            return Err(ControlError::NameTaken { kind: Kind::Person, name: sign_in_name });
        }
        sqlx::query(
            "INSERT INTO principals (id, tenant_id, client_id, display_name, created_at, kind,
                 sign_in_name)
             VALUES ($1, $2, $1, $3, $4, $5, $6)",
        )
        .bind(&id)
        .bind(&self.inner.tenant.id)
        .bind(display_name)
        .bind(clock::now())
        .bind(kind.as_str())
        .bind(&sign_in_name)
        .execute(&mut *write)
        .await?;
        for (place, role) in &places {
            place.insert(&mut write, &id, *role, caller).await?;
        }
        let link = match kind {
            PrincipalKind::Person => Some(insert_sign_in_link(&mut write, &id).await?),
            _ => None,
        };
        audit::made(&id);
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        Ok((self.person(caller, &id).await?, link))
    }

    /// A link for somebody who signs in here: the first one, or instead of a forgotten password.
    pub async fn person_link(
        &self,
        caller: &Principal,
        id: &str,
    ) -> Result<LinkToken, ControlError> {
        let person = self.person(caller, id).await?;
        if person.kind != PrincipalKind::Person {
            return Err(ControlError::invalid(
                "whom the outside issuer vouches for signs in there",
                "Open the console and choose the outside issuer.",
            ));
        }
        let mut write = self.inner.store.write().await?;
        let link = insert_sign_in_link(&mut write, &person.id).await?;
        write.commit().await?;
        Ok(link)
    }

    /// Deletes somebody with roles and sessions. `false` when there was nobody. The last owner stays.
    pub async fn delete_person(&self, caller: &Principal, id: &str) -> Result<bool, ControlError> {
        self.require_access(caller)?;
        self.delete_principal(id, "kind <> 'ServicePrincipal'").await
    }

    fn person_of(&self, row: &SqliteRow) -> Result<Person, ControlError> {
        let id: String = row.try_get(0)?;
        Ok(Person {
            roles: self.roles_of(&id),
            id,
            kind: row.try_get::<&str, _>(1)?.parse().map_err(ControlError::internal)?,
            display_name: row.try_get(2)?,
            sign_in_name: row.try_get::<Option<String>, _>(3)?.unwrap_or_default(),
            has_password: row.try_get(4)?,
            created_at: clock::timestamp(row.try_get(5)?),
        })
    }
}

/// A person's name is compared without regard to case; an issuer's claims are taken as they are.
fn valid_sign_in_name(kind: PrincipalKind, text: &str) -> Result<String, ControlError> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > SIGN_IN_NAME_CHARS || text.chars().any(char::is_control) {
        return Err(ControlError::invalid(
            format!("a sign-in name has 1 to {SIGN_IN_NAME_CHARS} printable characters"),
            "Send another `signInName`.",
        ));
    }
    Ok(if kind == PrincipalKind::Person { text.to_lowercase() } else { text.to_owned() })
}
