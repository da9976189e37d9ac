//! How `admin` comes in: with credentials, or as whoever may write to the data folder.
//!
//! The second way makes a one-time link in the store and opens a session with it, so that the server
//! itself applies every rule, tells its audit log, and knows of the change at once.

use std::path::{Path, PathBuf};

use shared::Bootstrap;

use super::arguments::ServerArguments;
use crate::{
    client::{Client, Credentials},
    failure::{Exit, Failure},
    serve,
};

/// Signs in at the server that the arguments name.
pub(super) async fn client(arguments: &ServerArguments) -> Result<Client, Failure> {
    let bootstrap = arguments.bootstrap_file.as_deref().map(read_bootstrap).transpose()?;
    let credentials = credentials(arguments, bootstrap.as_ref());
    let known = bootstrap.map(|bootstrap| bootstrap.endpoint);
    let server =
        arguments.server.clone().or(known).or_else(|| serve::last_near_endpoint(&arguments.data));
    let Some(server) = server else {
        return Err(Failure::new(
            Exit::Usage,
            format!("no server has run on the data folder `{}`", arguments.data.display()),
        )
        .hint("give --data, or --server and credentials; `edge-scorer serve` starts a server"));
    };
    if let Some(credentials) = credentials {
        return Client::sign_in(&server, &credentials, arguments.ca_file.as_deref()).await;
    }
    let own = own_certificate(&arguments.data, &server);
    let ca_file = arguments.ca_file.as_deref().or(own.as_deref());
    let token =
        control::admin::sign_in_token(&arguments.data, None).await.map_err(serve::open_failure)?;
    Client::with_link(&server, &token, ca_file).await
}

fn read_bootstrap(path: &Path) -> Result<Bootstrap, Failure> {
    let unusable = || {
        Failure::new(Exit::Usage, format!("`{}` is not a bootstrap file", path.display()))
            .hint("`edge-scorer serve --bootstrap-file FILE` writes one on the first start")
    };
    let bytes = std::fs::read(path).map_err(|error| unusable().because(error))?;
    serde_json::from_slice(&bytes).map_err(|error| unusable().because(error))
}

fn credentials(arguments: &ServerArguments, bootstrap: Option<&Bootstrap>) -> Option<Credentials> {
    let given = arguments.client_id.clone().zip(arguments.client_secret.clone());
    let filed = bootstrap.map(|file| (file.client_id.clone(), file.client_secret.clone()));
    let (client_id, client_secret) = given.or(filed)?;
    let tenant = bootstrap.map_or_else(|| "common".to_owned(), |file| file.tenant_id.clone());
    Some(Credentials { tenant, client_id, client_secret })
}

/// The certificate that the server made for itself, when it serves HTTPS with it.
fn own_certificate(data: &Path, server: &str) -> Option<PathBuf> {
    let host = server.strip_prefix("https://")?.rsplit_once(':').map_or("", |(host, _)| host);
    let stem = host.trim_matches(['[', ']']).replace([':', '.'], "-");
    let folder = data.join("tls");
    let exact = folder.join(format!("self-signed-{stem}.crt"));
    if exact.is_file() {
        return Some(exact);
    }
    let mut made = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    made.find(|path| path.extension().is_some_and(|extension| extension == "crt"))
}
