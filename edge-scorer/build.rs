//! Packs the console that Trunk built into the binary.
//!
//! Every file of `app/dist` becomes three byte strings (as it is, brotli, gzip) with an entity tag, and every
//! inline script of the index page a hash for the content security policy, so that `serve` compresses and hashes
//! nothing. Without `app/dist` one page is packed that says how to build the console: `cargo build`, clippy and the
//! server's tests never need Trunk.
//!
//! # Invariants
//! - Only a file whose name carries a hash is marked immutable; what is copied from `public/` never is.
//! - A twin is packed only where it is smaller than the file.
//!
//! # Deliberately absent
//! - Building the console: `cargo xtask serve` does that.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// The best quality takes ten times as long for a twentieth of the size, and build scripts are not optimised.
const BROTLI_QUALITY: u32 = 9;

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <title>Edge Scorer</title>\n<h1>The console is not in this build</h1>\n\
    <p>Run <code>cargo xtask serve</code>, which builds the console and packs it into the binary. \
    The REST APIs and scoring work without it.</p>\n</html>\n";

fn main() -> Result<(), Box<dyn Error>> {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../app/dist");
    let packed = PathBuf::from(env::var("OUT_DIR")?).join("console");
    fs::create_dir_all(&packed)?;

    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        println!("cargo::rerun-if-changed=../app/dist");
        collect(&dist, &dist, &mut files)?;
    } else {
        // Watching a missing path would rebuild this package every time; its parent changes when it appears.
        println!("cargo::rerun-if-changed=../app");
        println!(
            "cargo::warning=app/dist is missing: the binary holds a placeholder instead of the console (`cargo xtask serve` builds both)"
        );
        files.push(("index.html".to_owned(), PLACEHOLDER.as_bytes().to_vec()));
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=EDGE_SCORER_CONSOLE={}", dist.join("index.html").is_file());
    println!("cargo::rustc-env=EDGE_SCORER_COMMIT={}", commit());
    files.sort();

    let mut table = String::from("&[\n");
    for (path, bytes) in &files {
        let twin = fs::read(dist.join(format!("{path}.br"))).ok();
        writeln!(table, "{}", pack(&packed, path, bytes, twin)?)?;
    }
    table.push(']');
    fs::write(packed.join("files.rs"), table)?;

    let index = files.iter().find(|(path, _)| path == "index.html");
    let scripts = index.map(|(_, bytes)| inline_script_hashes(&String::from_utf8_lossy(bytes)));
    fs::write(packed.join("scripts.rs"), format!("&{:?}", scripts.unwrap_or_default()))?;
    Ok(())
}

/// The commit that is built: as the environment says, else as git says, else `unknown`.
fn commit() -> String {
    println!("cargo::rerun-if-env-changed=EDGE_SCORER_COMMIT");
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
    };
    if let Ok(given) = env::var("EDGE_SCORER_COMMIT") {
        return given;
    }
    // Grows with every commit, checkout and rebase.
    if let Some(log) = git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}

fn collect(
    root: &Path,
    folder: &Path,
    files: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "br") {
            // A twin of the file beside it, made with more patience than a build script has.
        } else if path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')) {
            let name = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            files.push((name, fs::read(&path)?));
        }
    }
    Ok(())
}

/// Writes a file's three forms and returns its entry of the table.
///
/// The forms are named by the content's hash: a build that changed one file compresses one file.
fn pack(
    packed: &Path,
    path: &str,
    bytes: &[u8],
    made: Option<Vec<u8>>,
) -> Result<String, Box<dyn Error>> {
    let hash = hex::encode(Sha256::digest(bytes));
    let whole = packed.join(&hash);
    let brotli = packed.join(format!("{hash}.br"));
    let gzip = packed.join(format!("{hash}.gz"));
    if let Some(made) = &made {
        fs::write(&brotli, made)?;
    }
    if !(whole.is_file() && brotli.is_file() && gzip.is_file()) {
        if made.is_none() {
            fs::write(&brotli, brotli_twin(bytes)?)?;
        }
        fs::write(&gzip, gzip_twin(bytes)?)?;
        fs::write(&whole, bytes)?;
    }
    let twin = |twin: &Path| -> Result<String, Box<dyn Error>> {
        let smaller = fs::metadata(twin)?.len() < bytes.len() as u64;
        Ok(if smaller { format!("Some(include_bytes!({twin:?}))") } else { "None".to_owned() })
    };
    Ok(format!(
        "    ConsoleFile {{ path: {path:?}, content_type: {:?}, etag: {:?}, immutable: {}, identity: include_bytes!({whole:?}), br: {}, gzip: {} }},",
        content_type(path),
        format!("\"{}\"", &hash[..32]),
        has_hashed_name(path),
        twin(&brotli)?,
        twin(&gzip)?,
    ))
}

fn brotli_twin(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut twin = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut twin, 64 * 1024, BROTLI_QUALITY, 22);
    writer.write_all(bytes)?;
    drop(writer);
    Ok(twin)
}

fn gzip_twin(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

/// Trunk writes `<name>-<up to 16 hex digits>.js` and `<name>-<hex digits>_bg.wasm`, leading zeros left out.
fn has_hashed_name(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    let stem = stem.strip_suffix("_bg").unwrap_or(stem);
    stem.rsplit_once('-').is_some_and(|(_, hash)| {
        hash.len() >= 12 && hash.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" | "ftl" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// `sha256-<base64>` of every script element that has no `src`.
fn inline_script_hashes(page: &str) -> Vec<String> {
    let mut hashes = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find("<script") {
        rest = &rest[start + "<script".len()..];
        let Some((attributes, after)) = rest.split_once('>') else { break };
        let Some((script, after)) = after.split_once("</script>") else { break };
        let has_source =
            attributes.split_ascii_whitespace().any(|attribute| attribute.starts_with("src="));
        if !has_source {
            hashes.push(format!("sha256-{}", STANDARD.encode(Sha256::digest(script.as_bytes()))));
        }
        rest = after;
    }
    hashes
}
