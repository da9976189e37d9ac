//! Images in an OCI registry: Debian's `docker-registry`, as an operator would run it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use shared::{ErrorCode, Image, OperationState};
use tests::{Client, Edge, fixtures};

const USER: &str = "edge";
const PASSWORD: &str = "registry-passphrase-31";
/// `USER:PASSWORD` as HTTP sends it, and the same with the wrong one.
const SENT: &str = "ZWRnZTpyZWdpc3RyeS1wYXNzcGhyYXNlLTMx";
const WRONG: &str = "not-the-passphrase";
const WRONG_SENT: &str = "ZWRnZTpub3QtdGhlLXBhc3NwaHJhc2U=";
const PASSWORD_BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu1vtfvQppP29z/R2l37ymTt0aDKQLZj6";

/// A registry on a folder of its own.
struct Registry {
    host: String,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Registry {
    /// Starts `docker-registry`; `cargo xtask test` installs it.
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), "")
    }

    /// Starts one that wants [`USER`] and [`PASSWORD`].
    fn guarded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let passwords = folder.path().join("passwords");
        fs::write(&passwords, format!("{USER}:{PASSWORD_BCRYPT}\n")).unwrap();
        let auth = format!("auth:\n  htpasswd: {{ realm: edge, path: {} }}\n", passwords.display());
        Self::start_in(folder, &auth)
    }

    fn start_in(folder: tempfile::TempDir, more: &str) -> Self {
        let config = folder.path().join("config.yml");
        let store = folder.path().join("store");
        let text = format!(
            "version: 0.1\nlog: {{ level: info, formatter: json }}\nstorage:\n  filesystem: {{ rootdirectory: {} }}\nhttp: {{ addr: '127.0.0.1:0' }}\n{more}",
            store.display()
        );
        fs::write(&config, text).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is missing: `cargo xtask test` installs the Debian package");
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(at) = line.find("listening on ") {
                    let address = line[at + "listening on ".len()..].split(['"', ' ', ',']).next();
                    let _ = sender.send(address.unwrap().to_owned());
                }
            }
        });
        let host = receiver.recv_timeout(Duration::from_secs(30));
        let registry = Self { host: host.unwrap_or_default(), process, _folder: folder };
        assert!(registry.host.starts_with("127.0.0.1:"), "the registry says `{}`", registry.host);
        registry
    }

    async fn manifest(&self, client: &Client, repository: &str, reference: &str) -> Value {
        let url = format!("http://{}/v2/{repository}/manifests/{reference}", self.host);
        let request = Client::anonymous(&client.url).request(Method::GET, &url);
        let request = request.header(
            "accept",
            "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json",
        );
        client.try_send(request).await.unwrap().expect(200).value()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn an_image_is_pushed_with_its_model_and_built_anew_from_the_registry() {
    let registry = Registry::start();
    let prefixed = format!("{}/edge", registry.host);
    let flags = ["--registry", &prefixed, "--registry-plain-http"];
    let edge = Edge::start_with(&flags);
    let client = edge.client().await;

    let (_, image) = client.image_of("iris", &fixtures::onnx("iris_logistic")).await;

    let location = image.image_location.unwrap();
    let (named, digest) = location.split_once('@').unwrap();
    let repository = format!("edge/{}/iris", edge.bootstrap().account);
    assert_eq!(named, format!("{}/{repository}:1", registry.host));
    let manifest = registry.manifest(&client, &repository, digest).await;
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"][0]["digest"], format!("sha256:{}", image.module_sha256.unwrap()));
    let tag = digest.replace(':', "-");
    let referrers = registry.manifest(&client, &repository, &tag).await;
    let referrer = referrers["manifests"][0]["digest"].as_str().unwrap();
    let referrer = registry.manifest(&client, &repository, referrer).await;
    assert_eq!(referrer["subject"]["digest"], digest);

    let elsewhere = Edge::start_with(&flags);
    let client = elsewhere.client().await;
    let model = client.register("pulled", &format!("oci://{location}")).await;
    let manifest = client.describe("pulled", &model).await;
    let operation = client.pack("pulled", &manifest).await;
    let pulled: Image = client.made(&operation).await;
    let signature = client.account.image_part(pulled.id, "log");
    let log = client.get(&signature).await.expect(200).text();
    assert!(log.contains("compiling"), "the ONNX file is compiled here: {log}");
    client.deploy("pulled", &pulled).await;
    let key = client.keys("pulled").await.primary_key;
    let document = json!({ "data": [[5.1, 3.5, 1.4, 0.2]] });
    client.score("pulled", &key, &document).await.expect(200);
}

#[tokio::test]
async fn what_the_registry_lacks_and_other_registries_are_refused() {
    let registry = Registry::start();
    let edge = Edge::start_with(&["--registry", &registry.host, "--registry-plain-http"]);
    let client = edge.client().await;

    for (url, code) in [
        (format!("oci://{}/nothing:1", registry.host), ErrorCode::SourceUnreachable),
        ("oci://other.example/iris:1".to_owned(), ErrorCode::SourceRefused),
    ] {
        let model = client.register("far", &url).await;
        let manifest = client.describe("far", &model).await;
        let operation = client.pack("far", &manifest).await;
        assert_eq!(operation.state, OperationState::Failed, "{url}");
        let error = operation.error.unwrap();
        assert_eq!(error.code, code, "{error:?}");
        assert!(!error.details[0].message.is_empty());
    }
}

#[tokio::test]
async fn an_image_that_cannot_be_pushed_fails_and_says_so() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = closed.local_addr().unwrap().to_string();
    drop(closed);
    let edge = Edge::start_with(&["--registry", &host, "--registry-plain-http"]);
    let client = edge.client().await;
    let stored = client.upload("iris.onnx", &fixtures::onnx("iris_logistic")).await;
    let model = client.register("iris", &stored.url).await;
    let manifest = client.describe("iris", &model).await;

    let operation = client.pack("iris", &manifest).await;

    assert_eq!(operation.state, OperationState::Failed);
    let error = operation.error.unwrap();
    assert!(error.details[0].message.contains("built and not pushed"), "{error:?}");
}

#[tokio::test]
async fn a_registry_gets_its_password_and_the_log_does_not() {
    let registry = Registry::guarded();
    let start = |password: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{password}\n")).unwrap();
        let path = file.path().to_str().unwrap();
        let flags = ["--registry", &registry.host, "--registry-plain-http", "--registry-user"];
        let more = [USER, "--registry-password-file", path, "--log", "trace"];
        Edge::start_with(&[flags.as_slice(), &more].concat())
    };

    let edge = start(PASSWORD);
    let client = edge.client().await;
    let (_, image) = client.image_of("iris", &fixtures::onnx("iris_logistic")).await;
    let location = image.image_location.unwrap();
    assert!(location.starts_with(&registry.host), "{location}");
    let model = client.register("pulled", &format!("oci://{location}")).await;
    let manifest = client.describe("pulled", &model).await;
    let _: Image = client.made(&client.pack("pulled", &manifest).await).await;

    let refused = start(WRONG);
    let client = refused.client().await;
    let stored = client.upload("iris.onnx", &fixtures::onnx("iris_logistic")).await;
    let model = client.register("iris", &stored.url).await;
    let manifest = client.describe("iris", &model).await;
    let operation = client.pack("iris", &manifest).await;
    assert_eq!(operation.state, OperationState::Failed);
    let said = serde_json::to_string(&operation.error.unwrap()).unwrap();

    for (text, secret, sent) in [
        (edge.log(), PASSWORD, SENT),
        (refused.log(), WRONG, WRONG_SENT),
        (said, WRONG, WRONG_SENT),
    ] {
        assert!(text.contains(&registry.host), "the registry is named: {text}");
        assert!(!text.contains(secret), "the password is told");
        assert!(!text.contains(sent), "the password is told in base64");
    }
}
