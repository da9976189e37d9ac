//! What every handler can reach.

use std::{ops::Deref, sync::Arc};

use control::Control;

use crate::{config::ApiConfig, metrics::HttpMeter};

/// The domain and how it is served; cheap to clone.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

/// Behind [`Api`].
pub(crate) struct Shared {
    /// The domain.
    pub(crate) control: Control,
    /// How it is served.
    pub(crate) config: ApiConfig,
    /// What was asked of it.
    pub(crate) http: HttpMeter,
}

impl Api {
    pub(crate) fn new(control: Control, config: ApiConfig) -> Self {
        Self(Arc::new(Shared { control, config, http: HttpMeter::default() }))
    }
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
