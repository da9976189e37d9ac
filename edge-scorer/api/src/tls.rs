//! Certificates: from files, or made for this machine.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// Whether and how a listener speaks TLS.
#[derive(Debug, Clone, Default)]
pub enum TlsChoice {
    /// Plain HTTP.
    #[default]
    Plain,
    /// A certificate chain and its key, as PEM files.
    Files {
        /// The chain, the server's certificate first.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("the TLS file `{path}` could not be used")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file holds no certificate or no key.
    #[error("`{path}` holds no {what} in PEM form")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The key does not belong to the certificate, or is of an unknown kind.
    #[error("the certificate and the key do not go together")]
    Mismatch(#[source] rustls::Error),
    /// A certificate could not be made.
    #[error("no certificate could be made")]
    Make(#[source] rcgen::Error),
}

impl TlsChoice {
    /// Makes a certificate for `listen` and `localhost` under `data`, or takes the one made before.
    ///
    /// Answers the choice; its certificate's path is what a client has to trust.
    pub fn self_signed(data: &Path, listen: SocketAddr) -> Result<Self, TlsError> {
        let folder = data.join("tls");
        let address = listen.ip().to_string();
        // One pair per address, so that a server that moves gets a certificate that fits.
        let stem = address.replace([':', '.'], "-");
        let certificate = folder.join(format!("self-signed-{stem}.crt"));
        let key = folder.join(format!("self-signed-{stem}.key"));
        if certificate.exists() && key.exists() {
            return Ok(Self::Files { certificate, key });
        }

        let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), address];
        let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::Make)?;
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::File { path, source }
        };
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        // The key first: a certificate without its key would be taken for a finished pair.
        write_private(&key, &made.signing_key.serialize_pem()).map_err(at(&key))?;
        fs::write(&certificate, made.cert.pem()).map_err(at(&certificate))?;
        Ok(Self::Files { certificate, key })
    }

    /// The rustls configuration, offering HTTP/2 and HTTP/1.1; none for plain HTTP.
    pub(crate) fn server_config(&self) -> Result<Option<Arc<ServerConfig>>, TlsError> {
        let Self::Files { certificate, key } = self else { return Ok(None) };
        let read = |path: &Path| {
            fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
        };
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(&read(certificate)?).filter_map(Result::ok).collect();
        if chain.is_empty() {
            return Err(TlsError::Pem { path: certificate.clone(), what: "certificate" });
        }
        let private = PrivateKeyDer::from_pem_slice(&read(key)?)
            .map_err(|_| TlsError::Pem { path: key.clone(), what: "private key" })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Mismatch)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(TlsError::Mismatch)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(Arc::new(config)))
    }
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let part = path.with_extension("part");
    let mut file = options.open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(part, path)
}

/// Makes our cryptography the one that TLS clients in this process use; once is enough.
pub fn choose_cryptography() {
    // A second call finds the first one's choice and changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
