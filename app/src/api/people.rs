//! People, sessions, passwords and the audit log.

use gloo_net::http::Method;
use shared::{
    AuditEntry, NewPerson, Page, PasswordChange, Person, PersonRequest, SessionSummary, SignInLink,
    paths,
};

use super::{
    account::joined,
    client::{Call, EdgeClient},
    pending::{Pending, Reading},
    read::made,
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

    /// The newest entries that hold a text; it has a link where there are older ones.
    pub(crate) fn audit(self, search: String, entries: usize) -> Reading<Page<AuditEntry>> {
        let count = entries.min(1000);
        let path = format!("{}?count={count}&search={}", paths::AUDIT, paths::encode(&search));
        Reading::new(joined(self, path, entries), made)
    }
}
