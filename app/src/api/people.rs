//! People, sessions, passwords and the audit log.

use gloo_net::http::Method;
use shared::{
    AuditEntry, NewPerson, Page, PasswordChange, Person, PersonRequest, SessionSummary, SignInLink,
    paths,
};

use super::{
    account::same_origin,
    client::{Call, EdgeClient},
    failure::EdgeError,
    pending::{Pending, Reading},
};

impl EdgeClient {
    pub(crate) fn people(self) -> Reading<Vec<Person>> {
        self.rows(paths::PEOPLE.to_owned())
    }

    pub(crate) fn create_person(self, request: PersonRequest) -> Reading<NewPerson> {
        self.post(paths::PEOPLE.to_owned(), &request)
    }

    pub(crate) fn delete_person(self, id: String) -> Pending<()> {
        self.delete(paths::person(&id))
    }

    /// A new link to hand over; it also resets a forgotten password.
    pub(crate) fn link_person(self, id: String) -> Reading<SignInLink> {
        self.ask(Call::post(paths::person_link(&id)))
    }

    pub(crate) fn sessions(self) -> Reading<Vec<SessionSummary>> {
        self.rows(paths::SESSIONS.to_owned())
    }

    pub(crate) fn end_session(self, id: String) -> Pending<()> {
        self.delete(paths::session(&id))
    }

    pub(crate) fn change_password(self, change: PasswordChange) -> Pending<()> {
        let call = Call::new(Method::PUT, paths::PASSWORD.to_owned()).json(&change);
        self.tell_only(call)
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
