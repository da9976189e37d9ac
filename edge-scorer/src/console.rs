//! The console's files as `build.rs` packed them.

use api::{Console, ConsoleFile};

/// Every file, by path.
const FILES: &[ConsoleFile] = include!(concat!(env!("OUT_DIR"), "/console/files.rs"));

/// `sha256-…` of every inline script of the index page.
const SCRIPT_HASHES: &[&str] = include!(concat!(env!("OUT_DIR"), "/console/scripts.rs"));

/// The console, ready to be served.
pub(crate) fn packed() -> Console {
    Console::new(FILES.iter().copied(), SCRIPT_HASHES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> &'static ConsoleFile {
        FILES.iter().find(|file| file.path == "index.html").unwrap()
    }

    #[test]
    fn the_index_page_is_packed_and_never_immutable() {
        let index = index();

        assert!(!index.immutable);
        assert!(index.etag.starts_with('"') && index.etag.ends_with('"'));
        let page = String::from_utf8_lossy(index.identity).to_lowercase();
        assert!(page.contains("<!doctype html>"));
    }

    #[test]
    fn every_inline_script_of_the_index_page_is_allowed_by_its_hash() {
        let page = String::from_utf8_lossy(index().identity).into_owned();

        let inline = page
            .split("<script")
            .skip(1)
            .filter(|script| !script.split('>').next().unwrap_or_default().contains("src="));

        assert_eq!(inline.count(), SCRIPT_HASHES.len());
    }
}
