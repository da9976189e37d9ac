//! Who is calling, how they prove it and what they may do.

mod principals;
mod roles;
mod sessions;
mod tokens;

pub use principals::{NewSecret, ServicePrincipal};
pub use roles::{Action, Principal, Scope};
pub use sessions::{OpenedSession, SessionProof};
pub use tokens::{
    Audience, ClientCredentials, IssuedToken, TokenError, TokenRequest, TokenVersion,
};
