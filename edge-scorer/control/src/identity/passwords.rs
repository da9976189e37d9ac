//! Passwords: set after a link, changed with the one before, reset by another link.

use std::{net::IpAddr, sync::Arc, time::Duration};

use shared::{PasswordChange, SignInWay};
use sqlx::Row as _;

use super::{roles::Identity, sessions::end_others};
use crate::{Control, ControlError, Principal, audit, clock};

/// Shortest and longest password, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=256;
/// How long after its opening a link's session may set a password without the one before.
const AFTER_LINK: Duration = Duration::from_secs(15 * 60);

const WRONG: ControlError = ControlError::Unauthenticated(
    "the name is unknown or its password is wrong; an owner can make a new sign-in link",
);

impl Control {
    /// Whose name and password these are.
    pub(crate) async fn verify_password(
        &self,
        name: &str,
        password: String,
        from: Option<IpAddr>,
    ) -> Result<Arc<Identity>, ControlError> {
        // Names are bounded where they are made; a longer one cannot be anybody's.
        let name: String = name.trim().to_lowercase().chars().take(256).collect();
        let who = format!("password of {name}");
        let refused = || {
            let tried = self.inner.directory.find_by_sign_in_name(&name);
            audit::refused_sign_in("Password", tried);
        };
        self.may_try(&who, from).inspect_err(|_| refused())?;
        let row = sqlx::query(
            "SELECT id, password_hash FROM principals
             WHERE sign_in_name = $1 AND password_hash IS NOT NULL
                 AND kind IN ('Person', 'ServicePrincipal')",
        )
        .bind(&name)
        .fetch_optional(self.inner.store.read())
        .await?;
        let (id, hashes) = match row {
            Some(row) => (row.try_get::<String, _>(0)?, vec![row.try_get(1)?]),
            None => (String::new(), Vec::new()),
        };
        if *LENGTHS.end() >= password.chars().count()
            && self.inner.secrets.verify(password, hashes).await?
            && let Some(identity) = self.inner.directory.find(&id)
        {
            return Ok(identity);
        }
        self.inner.attempts.failed(&who, from);
        refused();
        Err(WRONG)
    }

    /// Sets or changes the caller's password; its other sessions end.
    pub async fn change_password(
        &self,
        caller: &Principal,
        change: PasswordChange,
        from: Option<IpAddr>,
    ) -> Result<(), ControlError> {
        let (Some(session), Some(name)) = (&caller.session, &caller.identity.sign_in_name) else {
            return Err(ControlError::invalid(
                "only somebody who signs in to the console by name has a password",
                "Sign in to the console as a person and set the password there.",
            ));
        };
        if !matches!(session.opened_by, SignInWay::Link | SignInWay::Password | SignInWay::Client) {
            return Err(ControlError::invalid(
                "whom the outside issuer vouches for has its password there",
                "Change the password at the outside issuer.",
            ));
        }
        let fresh = clock::now() - session.opened_at < clock::micros(AFTER_LINK);
        if !(session.opened_by == SignInWay::Link && fresh) {
            let current = change.current_password.ok_or_else(|| {
                ControlError::invalid(
                    "the current password is needed",
                    "Send `currentPassword`, or sign in with a new link.",
                )
            })?;
            // A wrong one is no reason to sign in again, and still counts as a guess.
            self.verify_password(name, current, from).await.map_err(|error| match error {
                ControlError::Unauthenticated(_) => ControlError::invalid(
                    "the current password is wrong",
                    "Send the right `currentPassword`, or sign in with a new link.",
                ),
                other => other,
            })?;
        }
        validate(&change.new_password, name)?;
        let hash = self.inner.secrets.hash(change.new_password).await?;
        let mut write = self.inner.store.write().await?;
        sqlx::query("UPDATE principals SET password_hash = $1 WHERE id = $2")
            .bind(hash)
            .bind(caller.id())
            .execute(&mut *write)
            .await?;
        end_others(&mut write, caller).await?;
        // From now on the next change needs this password.
        sqlx::query("UPDATE sessions SET opened_by = $1 WHERE id = $2")
            .bind(SignInWay::Password.as_str())
            .bind(&session.id)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        self.inner.sessions.forget_all();
        self.inner.directory.reload(&self.inner.store).await
    }
}

fn validate(password: &str, name: &str) -> Result<(), ControlError> {
    let length = password.chars().count();
    if !LENGTHS.contains(&length) {
        return Err(ControlError::invalid(
            format!("a password has {} to {} characters", LENGTHS.start(), LENGTHS.end()),
            "Choose a password of such a length; a few random words do well.",
        ));
    }
    let first = password.chars().next();
    if password.to_lowercase().contains(&name.to_lowercase())
        || password.chars().all(|letter| Some(letter) == first)
    {
        return Err(ControlError::invalid(
            "the password is too easy to guess",
            "Choose one without the sign-in name and with more than one letter.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_no_name() {
        assert!(validate("correct horse battery", "ada").is_ok());
        for bad in ["short", "Ada-Lovelace-1815", &"x".repeat(20), &"ab".repeat(200)] {
            assert!(validate(bad, "ada").is_err(), "{bad}");
        }
    }
}
