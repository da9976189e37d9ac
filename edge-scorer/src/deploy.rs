//! `deploy`: upload → register → pack → deploy over REST, then the `curl` line that scores.
//!
//! Every step is the call that the console makes; nothing here goes past the API.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::{
    Account, ArmList, AsyncOperationStatus, AuthKeys, Bootstrap, Manifest, Model, OperationState,
    Service, StoredArtifact, Subscription, UploadRequest, UploadStarted,
    paths::{self, AccountPath},
    validate_service_name,
};

use crate::{
    arguments::DeployArguments,
    client::{Client, Credentials, refused},
    failure::{Exit, Failure},
    files,
    terminal::{Terminal, Unit},
};

const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";
const ARM_VERSION: &str = "api-version=2019-11-01";
/// Pauses between looks at an operation.
const POLL: Duration = Duration::from_millis(200);
/// Bytes of an example that still stand in the `curl` line.
const LONGEST_EXAMPLE: usize = 4 * 1024;
/// What `computeResource` is called; the server keeps the text and looks nothing up.
const COMPUTE: &str = "edge-scorer";

pub(crate) fn run(arguments: &DeployArguments, terminal: Terminal) -> Result<(), Failure> {
    validate_service_name(&arguments.name)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let model = files::read(&arguments.model, files::MODEL_BYTES)?;
    let bootstrap = arguments.bootstrap_file.as_deref().map(read_bootstrap).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let line = runtime.block_on(deploy(arguments, bootstrap, model, terminal))?;
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}

async fn deploy(
    arguments: &DeployArguments,
    bootstrap: Option<Bootstrap>,
    model: Vec<u8>,
    terminal: Terminal,
) -> Result<String, Failure> {
    let server = arguments
        .server
        .clone()
        .or_else(|| bootstrap.as_ref().map(|bootstrap| bootstrap.endpoint.clone()))
        .unwrap_or_else(|| DEFAULT_SERVER.to_owned());
    let credentials = credentials(arguments, bootstrap.as_ref())?;
    let client = Client::sign_in(&server, &credentials, arguments.ca_file.as_deref()).await?;
    let account = account(&client, arguments, bootstrap.as_ref()).await?;
    let steps = Steps { client, account, name: &arguments.name, terminal };

    let is_wasm = model.starts_with(b"\0asm");
    let artifact = steps.upload(&arguments.model, model).await?;
    let model = steps.register(&artifact, is_wasm).await?;
    let image = steps.pack(&model, is_wasm).await?;
    let service = steps.put_into_service(&image).await?;
    steps.curl(&service, arguments.ca_file.as_deref()).await
}

fn read_bootstrap(path: &Path) -> Result<Bootstrap, Failure> {
    let unusable = || {
        Failure::new(Exit::Usage, format!("`{}` is no bootstrap file of a server", path.display()))
    };
    let bytes = fs::read(path).map_err(|error| unusable().because(error))?;
    serde_json::from_slice(&bytes).map_err(|error| unusable().because(error))
}

/// Flags and environment over the bootstrap file.
fn credentials(
    arguments: &DeployArguments,
    bootstrap: Option<&Bootstrap>,
) -> Result<Credentials, Failure> {
    let client_id =
        arguments.client_id.clone().or_else(|| bootstrap.map(|file| file.client_id.clone()));
    let client_secret = arguments
        .client_secret
        .clone()
        .or_else(|| bootstrap.map(|file| file.client_secret.clone()));
    let (Some(client_id), Some(client_secret)) = (client_id, client_secret) else {
        return Err(Failure::new(Exit::Usage, "there are no credentials to sign in with").hint(
            "give --bootstrap-file, or EDGE_SCORER_CLIENT_ID and EDGE_SCORER_CLIENT_SECRET",
        ));
    };
    let tenant = arguments
        .tenant
        .clone()
        .or_else(|| bootstrap.map(|file| file.tenant_id.clone()))
        .unwrap_or_else(|| "common".to_owned());
    Ok(Credentials { tenant, client_id, client_secret })
}

/// The account that was named, else the only one.
async fn account(
    client: &Client,
    arguments: &DeployArguments,
    bootstrap: Option<&Bootstrap>,
) -> Result<AccountPath, Failure> {
    let subscription = match arguments
        .subscription
        .clone()
        .or_else(|| bootstrap.map(|file| file.subscription_id.clone()))
    {
        Some(subscription) => subscription,
        None => {
            let path = format!("{}?{ARM_VERSION}", paths::SUBSCRIPTIONS);
            let list: ArmList<Subscription> = client.get(&path).await?;
            let ids = list.value.into_iter().map(|subscription| subscription.subscription_id);
            the_only(ids.collect(), "subscription")?
        }
    };
    let group = arguments
        .resource_group
        .clone()
        .or_else(|| bootstrap.map(|file| file.resource_group.clone()));
    let name = arguments.account.clone().or_else(|| bootstrap.map(|file| file.account.clone()));
    if let (Some(group), Some(name)) = (&group, &name) {
        return Ok(AccountPath::new(&subscription, group, name));
    }

    let path = format!("{}?{ARM_VERSION}", paths::accounts(&subscription));
    let list: ArmList<Account> = client.get(&path).await?;
    let wanted = |account: &Account| {
        let in_group = group.as_ref().is_none_or(|group| {
            let segment = format!("/resourcegroups/{}/", group.to_lowercase());
            account.id.to_lowercase().contains(&segment)
        });
        in_group && name.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&account.name))
    };
    let ids = list.value.into_iter().filter(wanted).map(|account| account.id).collect();
    let id = the_only(ids, "account")?;
    AccountPath::from_arm_id(&id)
        .ok_or_else(|| Failure::new(Exit::Internal, format!("`{id}` is not an account's id")))
}

fn the_only(mut found: Vec<String>, what: &str) -> Result<String, Failure> {
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Failure::new(Exit::Usage, format!("there is no {what} to deploy to"))),
        (Some(last), false) => {
            found.push(last);
            let message = format!("there are several: name one with --{what}");
            Err(Failure::new(Exit::Usage, message).hint(found.join(", ")))
        }
    }
}

/// The calls in their order, on one account.
struct Steps<'a> {
    client: Client,
    account: AccountPath,
    name: &'a str,
    terminal: Terminal,
}

impl Steps<'_> {
    async fn upload(&self, file: &Path, bytes: Vec<u8>) -> Result<StoredArtifact, Failure> {
        let file_name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let request = UploadRequest {
            path: format!("{}/{file_name}", self.name),
            size: bytes.len() as u64,
            sha256: Some(hex::encode(Sha256::digest(&bytes))),
        };
        let path = paths::versioned(&self.account.uploads());
        let upload: UploadStarted = self.client.post(&path, &request).await?;
        let mut progress = self.terminal.progress("Uploading", request.size, Unit::Bytes);
        let chunks = paths::versioned(&self.account.upload(upload.id));
        let chunk_size = usize::try_from(upload.chunk_size).unwrap_or(usize::MAX).max(1);
        let mut offset = upload.offset;
        while offset < request.size {
            let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            let end = begin.saturating_add(chunk_size).min(bytes.len());
            let chunk = bytes.get(begin..end).unwrap_or_default().to_vec();
            let acknowledged = self.client.send_chunk(&chunks, offset, chunk).await?;
            if acknowledged <= offset {
                return Err(Failure::new(Exit::Internal, "the upload makes no progress"));
            }
            offset = acknowledged;
            progress.set(offset);
        }
        drop(progress);
        let complete = paths::versioned(&self.account.complete_upload(upload.id));
        let artifact = self.client.post(&complete, &json!({})).await?;
        self.terminal.note(&format!("uploaded {} bytes", request.size));
        Ok(artifact)
    }

    async fn register(&self, artifact: &StoredArtifact, is_wasm: bool) -> Result<Model, Failure> {
        let mime_type = if is_wasm { "application/wasm" } else { "application/onnx" };
        let request = json!({"name": self.name, "url": artifact.url, "mimeType": mime_type});
        let path = paths::versioned(&self.account.models());
        let model: Model = self.client.post(&path, &request).await?;
        self.terminal.note(&format!("registered {} version {}", model.name, model.version));
        Ok(model)
    }

    /// Answers the image's id.
    async fn pack(&self, model: &Model, is_wasm: bool) -> Result<String, Failure> {
        let request = json!({
            "name": self.name,
            "modelIds": [model.id],
            "driverProgram": "none",
            "assets": [],
            "targetRuntime": {
                "runtimeType": if is_wasm { "Wasm" } else { "Onnx" },
                "properties": {},
            },
        });
        let path = paths::versioned(&self.account.manifests());
        let manifest: Manifest = self.client.post(&path, &request).await?;

        let request = json!({
            "name": self.name,
            "manifestId": manifest.id,
            "imageType": "Wasm",
            "computeResourceId": COMPUTE,
        });
        let path = paths::versioned(&self.account.images());
        let operation = self.client.start(Method::POST, &path, &request).await?;
        let done = self.wait(&operation, "Packing").await?;
        for warning in &done.warnings {
            self.terminal.warn(warning);
        }
        self.terminal.note("packed");
        last_segment(done.resource_location.as_deref())
    }

    async fn put_into_service(&self, image: &str) -> Result<Service, Failure> {
        let path = paths::versioned(&self.account.service(self.name));
        let existing: Option<Service> = self.client.find(&path).await?;
        let operation = match existing {
            Some(_) => self.client.start(Method::PUT, &path, &json!({"imageId": image})).await?,
            None => {
                let request = json!({
                    "name": self.name,
                    "imageId": image,
                    "computeResource": {"id": COMPUTE, "type": "Cluster"},
                });
                let path = paths::versioned(&self.account.services());
                self.client.start(Method::POST, &path, &request).await?
            }
        };
        self.wait(&operation, "Deploying").await?;
        let service: Service = self.client.get(&path).await?;
        // An update that failed leaves the old image serving and says so here.
        if let Some(error) = &service.error {
            return Err(refused(error));
        }
        self.terminal.note(&format!("deployed as {}", service.name));
        Ok(service)
    }

    async fn wait(&self, operation: &str, what: &str) -> Result<AsyncOperationStatus, Failure> {
        let id = operation.parse().map_err(|_| {
            Failure::new(Exit::Internal, format!("`{operation}` is not an operation's id"))
        })?;
        let path = paths::versioned(&self.account.operation(id));
        let mut progress = self.terminal.progress(what, 100, Unit::Percent);
        loop {
            let status: AsyncOperationStatus = self.client.get(&path).await?;
            match status.state {
                OperationState::Succeeded => return Ok(status),
                OperationState::Failed | OperationState::Cancelled => {
                    drop(progress);
                    return Err(match &status.error {
                        Some(error) => refused(error),
                        None => {
                            Failure::new(Exit::Internal, format!("{what} was {}", status.state))
                        }
                    });
                }
                OperationState::NotStarted | OperationState::Running => {
                    progress.set(u64::from(status.percent_complete.unwrap_or(0)));
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    /// The line that scores: the service's address, a key and a row of its own swagger.
    async fn curl(&self, service: &Service, ca_file: Option<&Path>) -> Result<String, Failure> {
        let keys: AuthKeys =
            self.client.get(&paths::versioned(&self.account.service_keys(self.name))).await?;
        let address = service.scoring_uri.as_deref().ok_or_else(|| {
            Failure::new(Exit::Internal, "the service has no address to score at")
        })?;
        let path = address.find("/api/v1/").map_or(address, |start| &address[start..]);
        let swagger: Value = self.client.get(&path.replacen("/score", "/swagger.json", 1)).await?;
        let example = swagger
            .pointer("/definitions/ServiceInput/example")
            .cloned()
            .unwrap_or_else(|| json!({"data": []}));
        let body = self.body(&example.to_string())?;
        let trust = ca_file.map(|file| format!("--cacert {} ", quoted(&file.to_string_lossy())));
        Ok(format!(
            "curl -sS {}{} -H {} -H 'Content-Type: application/json' -d {}",
            trust.unwrap_or_default(),
            quoted(address),
            quoted(&format!("Authorization: Bearer {}", keys.primary_key)),
            quoted(&body),
        ))
    }

    /// What `curl -d` takes: the example, or `@` and a new file that holds it, because a shell
    /// hands on no word of more than 128 KiB, and nobody reads one of some pages.
    fn body(&self, example: &str) -> Result<String, Failure> {
        if example.len() <= LONGEST_EXAMPLE {
            return Ok(example.to_owned());
        }
        let path = format!("{}-example.json", self.name);
        match fs::File::create_new(&path).and_then(|mut file| file.write_all(example.as_bytes())) {
            Ok(()) => self.terminal.note(&format!("wrote an example of a request to {path}")),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let message =
                    format!("`{path}` cannot be written, to hold an example of a request");
                return Err(Failure::new(Exit::Internal, message).because(error));
            }
        }
        Ok(format!("@{path}"))
    }
}

fn last_segment(address: Option<&str>) -> Result<String, Failure> {
    address
        .and_then(|address| address.trim_end_matches('/').rsplit('/').next())
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(Exit::Internal, "the operation names nothing that it made"))
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_row_does_not_end_the_shells_word() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn several_accounts_must_be_told_apart_by_the_caller() {
        let failure = the_only(vec!["a".into(), "b".into()], "account").unwrap_err();

        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.advice(), Some("a, b"));
        assert_eq!(the_only(vec!["a".into()], "account").unwrap(), "a");
    }
}
