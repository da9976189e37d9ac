//! One journey: a script, a server and what the script needs to know.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};
use tests::{Edge, fixtures};

/// Runs one script against a server and gives what it printed; shows what it said if it failed.
pub(crate) fn travel(journey: &str, edge: &Edge, more: Value) -> String {
    let bootstrap = edge.bootstrap();
    // Two rows of thirty numbers, without headings.
    let table = [["1.5"; 30].join(","), ["2"; 30].join(",")].join("\n");
    let mut settings = json!({
        "url": edge.url,
        "signInLink": bootstrap.sign_in_link,
        "clientId": bootstrap.client_id,
        "clientSecret": bootstrap.client_secret,
        "model": fixtures::onnx_path("breast_cancer_gbdt"),
        "table": table,
        "screenshots": fixtures::target().join("e2e-screenshots"),
        "chromium": "/usr/bin/chromium",
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    if let Ok(gallery) = std::env::var("GALLERY") {
        settings["gallery"] = gallery.into();
    }

    let output = Command::new("node")
        .arg(scripts().join(format!("{journey}.cjs")))
        .env("NODE_PATH", node_modules())
        .env("JOURNEY", settings.to_string())
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// The pinned packages, installed under `target/` once for each state of the lock file.
fn node_modules() -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);

    let lock = fs::read(scripts().join("package-lock.json")).unwrap();
    let folder = fixtures::target().join("e2e");
    let modules = folder.join("node_modules");
    if fs::read(folder.join("installed-lock.json")).is_ok_and(|installed| installed == lock) {
        return modules;
    }
    fs::create_dir_all(&folder).unwrap();
    for file in ["package.json", "package-lock.json"] {
        fs::copy(scripts().join(file), folder.join(file)).unwrap();
    }
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(npm.status.success(), "{}", String::from_utf8_lossy(&npm.stderr));
    fs::write(folder.join("installed-lock.json"), lock).unwrap();
    modules
}

fn scripts() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e"))
}
