//! The domain as one value: opened once, cloned freely.

use std::sync::Arc;

use crate::{ControlConfig, ControlError, OpenError, Routes};

/// The management domain. Cheap to clone; the functions are in one file per noun.
#[derive(Clone)]
pub struct Control {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: ControlConfig,
    pub(crate) routes: Routes,
}

/// What [`Control::open`] gives.
pub struct Opened {
    /// The domain.
    pub control: Control,
    /// What only the first start knows.
    pub first_start: Option<FirstStart>,
}

/// What the first start made. The secret cannot be read again.
#[derive(Clone)]
pub struct FirstStart {
    /// A GUID.
    pub tenant_id: String,
    /// The administrator's service principal.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// A GUID.
    pub subscription_id: String,
    /// Name.
    pub resource_group: String,
    /// Name.
    pub workspace: String,
    /// Name of the model management account.
    pub account: String,
    /// The token of a sign-in link: `/console/sign-in#<token>`.
    pub sign_in_token: String,
}

impl Control {
    /// Opens the data folder, making it on the first start, and picks interrupted operations up.
    pub async fn open(config: ControlConfig) -> Result<Opened, OpenError> {
        let inner = Inner { config, routes: Routes::default() };
        Ok(Opened { control: Self { inner: Arc::new(inner) }, first_start: None })
    }

    /// The limits in force.
    pub fn limits(&self) -> &crate::Limits {
        &self.inner.config.limits
    }

    /// The routing table of the scoring path; cheap.
    pub fn routes(&self) -> &Routes {
        &self.inner.routes
    }

    /// Stops background work and closes the store; interrupted operations go on at the next start.
    pub async fn shutdown(&self) {}
}

pub(crate) fn unfinished() -> ControlError {
    ControlError::internal("this part of the domain is not connected yet")
}
