//! What a connection lives through, over real sockets.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request, routing::get};
use bytes::Bytes;
use futures::StreamExt as _;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use super::{Peer, ServeError, serve};
use crate::{config::ApiLimits, tls::TlsChoice};

struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    async fn start(router: Router, limits: ApiLimits, tls: TlsChoice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, router, tls, limits, async {
            let _ = stopped.await;
        }));
        Self { address, stop: Some(stop), served }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn ask_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = stream.read_to_end(&mut text);
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("the server lets go").ok();
    String::from_utf8_lossy(&text).into_owned()
}

async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains(wanted) {
        let mut buffer = [0; 1024];
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut buffer));
        let n = read.await.expect("an answer comes").unwrap();
        assert!(n > 0, "the connection ended after {:?}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_graceful_stop_finishes_what_has_begun_and_takes_nothing_new() {
    let begun = Arc::new(Notify::new());
    let go_on = Arc::new(Notify::new());
    let (in_handler, waits) = (begun.clone(), go_on.clone());
    let slow = move || {
        let (begun, go_on) = (in_handler.clone(), waits.clone());
        async move {
            begun.notify_one();
            go_on.notified().await;
            "finished"
        }
    };
    let router = Router::new().route("/", get(slow));
    let mut server = Running::start(router, ApiLimits::default(), TlsChoice::Plain).await;
    let mut caller = server.connect().await;
    caller.write_all(GET).await.unwrap();
    begun.notified().await;

    server.ask_to_stop();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();

    assert!(rest(&mut caller).await.ends_with("finished"));
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_without_end_does_not_hold_up_the_stop() {
    let endless = |request: Request| async move {
        let closing = request.extensions().get::<Peer>().unwrap().closing.clone();
        let ticks = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from("tick"))])
            .chain(futures::stream::pending())
            .take_until(closing.cancelled_owned());
        Body::from_stream(ticks)
    };
    let router = Router::new().route("/", get(endless));
    let mut server = Running::start(router, ApiLimits::default(), TlsChoice::Plain).await;
    let mut caller = server.connect().await;
    caller.write_all(GET).await.unwrap();
    until(&mut caller, "tick").await;

    server.ask_to_stop();

    tokio::time::timeout(Duration::from_secs(20), server.served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn half_a_request_is_cut_off_and_an_idle_connection_is_closed() {
    let limits = ApiLimits {
        header_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(100),
        ..ApiLimits::default()
    };
    let router = Router::new().route("/", get(|| async { "here" }));
    let server = Running::start(router, limits, TlsChoice::Plain).await;

    let mut halting = server.connect().await;
    halting.write_all(b"GET / HTTP/1.1\r\nhost: local").await.unwrap();
    assert_eq!(rest(&mut halting).await, "");

    let mut idle = server.connect().await;
    idle.write_all(GET).await.unwrap();
    assert!(rest(&mut idle).await.ends_with("here"));
}

#[tokio::test]
async fn a_caller_beyond_the_limit_waits_for_a_place() {
    let limits = ApiLimits { connections: 1, ..ApiLimits::default() };
    let router = Router::new().route("/", get(|| async { "here" }));
    let server = Running::start(router, limits, TlsChoice::Plain).await;
    let mut first = server.connect().await;
    first.write_all(GET).await.unwrap();
    until(&mut first, "here").await;

    let mut second = server.connect().await;
    second.write_all(GET).await.unwrap();
    let mut buffer = [0; 1];
    let early = tokio::time::timeout(Duration::from_millis(200), second.read(&mut buffer)).await;
    assert!(early.is_err(), "the second caller was answered while the first held the place");

    drop(first);
    until(&mut second, "here").await;
}

#[tokio::test]
async fn a_caller_that_is_refused_while_it_sends_still_reads_why() {
    let refuse = || async { axum::http::StatusCode::PAYLOAD_TOO_LARGE };
    let router = Router::new().route("/", axum::routing::post(refuse));
    let server = Running::start(router, ApiLimits::default(), TlsChoice::Plain).await;
    let mut caller = server.connect().await;
    let body = vec![b'x'; 8 << 20];

    caller
        .write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 8388608\r\n\r\n")
        .await
        .unwrap();
    caller.write_all(&body).await.unwrap();

    assert!(until(&mut caller, "\r\n\r\n").await.starts_with("HTTP/1.1 413"));
    let again = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
    caller.write_all(again).await.unwrap();
    assert!(until(&mut caller, "\r\n\r\n").await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn a_certificate_of_its_own_serves_http_2() {
    let data = tempfile::tempdir().unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let choice = TlsChoice::self_signed(data.path(), listen).unwrap();
    let again = TlsChoice::self_signed(data.path(), listen).unwrap();
    let TlsChoice::Files { certificate, key } = &choice else { panic!("no files") };
    let TlsChoice::Files { certificate: kept, .. } = &again else { panic!("no files") };
    assert_eq!(certificate, kept);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut trusting = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    trusting.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let router = Router::new().route("/", get(|| async { "here" }));
    let server = Running::start(router, ApiLimits::default(), choice).await;

    for name in ["localhost", "127.0.0.1"] {
        let connector = tokio_rustls::TlsConnector::from(Arc::new(trusting.clone()));
        let name = ServerName::try_from(name).unwrap();
        let stream = connector.connect(name, server.connect().await).await.unwrap();

        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    }
    let mut plain = trusting.clone();
    plain.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(plain));
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, server.connect().await).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("here"), "{text}");
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_by_name() {
    let data = tempfile::tempdir().unwrap();
    let choice = TlsChoice::Files {
        certificate: data.path().join("missing.crt"),
        key: data.path().join("missing.key"),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();

    let refused =
        serve(listener, Router::new(), choice, ApiLimits::default(), std::future::pending()).await;

    assert!(refused.unwrap_err().to_string().contains("missing.crt"));
}
