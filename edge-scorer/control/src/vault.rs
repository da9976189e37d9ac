//! Seals what the store must be able to read back: service keys and token-signing keys.
//!
//! AES-256-GCM with a random nonce; each sealed text is bound to its purpose, so that one cannot be
//! put in another's place. The key is in a file of its own, so that a copy of the store alone opens
//! nothing.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use crate::{ControlError, OpenError, folder::sync_folder, random};

const KEY_BYTES: usize = 32;

/// The master key, ready to use.
pub(crate) struct Vault {
    key: RandomizedNonceKey,
    deriving: hmac::Key,
}

impl Vault {
    /// Reads the master key; makes one when `may_create` says that nothing is sealed yet.
    pub(crate) fn open(path: &Path, may_create: bool) -> Result<Self, OpenError> {
        let broken = |source| OpenError::Folder { path: path.to_owned(), source };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_create => {
                create(path).map_err(broken)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(OpenError::MasterKeyMissing(path.to_owned()));
            }
            Err(error) => return Err(broken(error)),
        };
        let wrong = || OpenError::MasterKeyWrong(path.to_owned());
        let key = STANDARD.decode(text.trim()).map_err(|_| wrong())?;
        let deriving = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| wrong())?;
        Ok(Self { key, deriving })
    }

    /// A signature of `text` that only this server can make.
    pub(crate) fn sign(&self, purpose: &str, text: &str) -> String {
        let tag = hmac::sign(&self.deriving, format!("{purpose}\n{text}").as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref())
    }

    /// Whether `signature` is [`Vault::sign`]'s; takes the same time either way.
    pub(crate) fn has_signed(&self, purpose: &str, text: &str, signature: &str) -> bool {
        let message = format!("{purpose}\n{text}");
        URL_SAFE_NO_PAD
            .decode(signature)
            .is_ok_and(|tag| hmac::verify(&self.deriving, message.as_bytes(), &tag).is_ok())
    }

    /// Base64 of nonce and sealed bytes.
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8]) -> Result<String, ControlError> {
        let mut bytes = plain.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(purpose), &mut bytes)
            .map_err(ControlError::internal)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut bytes);
        Ok(STANDARD.encode(sealed))
    }

    /// What was sealed for `purpose`.
    pub(crate) fn open_sealed(&self, purpose: &str, sealed: &str) -> Result<Vec<u8>, ControlError> {
        let unreadable = || ControlError::internal(format!("the sealed {purpose} is damaged"));
        let mut bytes = STANDARD.decode(sealed).map_err(|_| unreadable())?;
        if bytes.len() < NONCE_LEN {
            return Err(unreadable());
        }
        let mut rest = bytes.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| unreadable())?;
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(purpose), &mut rest)
            .map_err(|_| unreadable())?;
        Ok(plain.to_vec())
    }
}

fn create(path: &Path) -> io::Result<String> {
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let text = STANDARD.encode(random::bytes::<KEY_BYTES>());
    let mut file = tempfile::Builder::new().prefix(".master-key").tempfile_in(&folder)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(&folder)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_only_for_its_purpose_and_with_its_key() {
        let place = tempfile::tempdir().unwrap();
        let vault = Vault::open(&place.path().join("master.key"), true).unwrap();
        let stranger = Vault::open(&place.path().join("other.key"), true).unwrap();

        let sealed = vault.seal("service-key", b"hush").unwrap();

        assert_eq!(vault.open_sealed("service-key", &sealed).unwrap(), b"hush");
        assert!(vault.open_sealed("signing-key", &sealed).is_err());
        assert!(stranger.open_sealed("service-key", &sealed).is_err());
    }

    #[test]
    fn a_missing_key_is_named_and_never_replaced() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("master.key");

        let refusal = Vault::open(&path, false).err().unwrap();

        assert!(matches!(refusal, OpenError::MasterKeyMissing(missing) if missing == path));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("master.key");
        Vault::open(&path, true).unwrap();

        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
