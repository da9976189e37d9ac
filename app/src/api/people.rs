//! People, sessions, passwords and the audit log.

use gloo_net::http::Method;
use shared::{
    ArmList, AuditEntry, NewPerson, Page, PasswordChange, Person, PersonRequest, SessionSummary,
    SignInLink, paths,
};

use super::{
    account::same_origin,
    client::{Call, EdgeClient},
    failure::EdgeError,
};

impl EdgeClient {
    pub(crate) async fn people(self) -> Result<Vec<Person>, EdgeError> {
        let list: ArmList<Person> = self.get(paths::PEOPLE.to_owned()).await?;
        Ok(list.value)
    }

    pub(crate) async fn create_person(
        self,
        request: PersonRequest,
    ) -> Result<NewPerson, EdgeError> {
        self.post(paths::PEOPLE.to_owned(), &request).await
    }

    pub(crate) async fn delete_person(self, id: String) -> Result<(), EdgeError> {
        self.delete(paths::person(&id)).await
    }

    /// A new link to hand over; it also resets a forgotten password.
    pub(crate) async fn link_person(self, id: String) -> Result<SignInLink, EdgeError> {
        self.send(Call::post(paths::person_link(&id))).await?.read()
    }

    pub(crate) async fn sessions(self) -> Result<Vec<SessionSummary>, EdgeError> {
        let list: ArmList<SessionSummary> = self.get(paths::SESSIONS.to_owned()).await?;
        Ok(list.value)
    }

    pub(crate) async fn end_session(self, id: String) -> Result<(), EdgeError> {
        self.delete(paths::session(&id)).await
    }

    pub(crate) async fn change_password(self, change: PasswordChange) -> Result<(), EdgeError> {
        let call = Call::new(Method::PUT, paths::PASSWORD.to_owned()).json(&change)?;
        self.send(call).await.map(drop)
    }

    /// The newest entries that hold a text, and whether there are older ones.
    pub(crate) async fn audit(
        self,
        search: String,
        entries: usize,
    ) -> Result<(Vec<AuditEntry>, bool), EdgeError> {
        let count = entries.min(1000);
        let mut next = format!("{}?count={count}&search={}", paths::AUDIT, paths::encode(&search));
        let mut rows = Vec::new();
        loop {
            let page: Page<AuditEntry> = self.get(next).await?;
            rows.extend(page.value);
            match page.next_link {
                Some(link) if rows.len() < entries => next = same_origin(&link),
                more => return Ok((rows, more.is_some())),
            }
        }
    }
}
