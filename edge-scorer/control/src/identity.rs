//! Who is calling, how they prove it and what they may do.
//!
//! A proof (access token, session cookie, sign-in link, client secret, password) names a principal;
//! the directory knows its roles; [`Principal::may`] decides.

mod assignments;
mod attempts;
mod directory;
mod outside;
mod passwords;
mod people;
mod places;
mod principals;
mod roles;
mod secrets;
mod sessions;
mod signing_keys;
mod tokens;

pub(crate) use attempts::Attempts;
pub(crate) use directory::Directory;
pub(crate) use outside::Outside;
pub(crate) use places::forget_roles;
pub(crate) use principals::{Minted, new_secret_row};
pub(crate) use roles::require;
pub(crate) use secrets::Secrets;
pub(crate) use sessions::{Sessions, insert_sign_in_link, new_sign_in_link};
pub(crate) use signing_keys::SigningKeys;
pub(crate) use tokens::VerifiedTokens;

pub use assignments::AssignmentFilter;
pub use outside::{OutsideArrival, OutsideClient, OutsideDeparture, OutsideIssuer};
pub use people::LinkToken;
pub use roles::{Action, Principal, Scope};
pub use sessions::{OpenedSession, SessionProof};
pub use tokens::{
    Audience, ClientCredentials, IssuedToken, TokenError, TokenRequest, TokenVersion,
};
