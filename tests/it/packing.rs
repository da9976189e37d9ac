//! Packed bodies on the management routes, and how the stories pack them.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{Model, paths};
use tests::{Answer, Client, Edge};

/// Packs with gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// What a frame of Zstandard (RFC 8878, section 3.1.1) is made of.
#[derive(Clone, Copy)]
pub(crate) enum Block<'a> {
    Raw(&'a [u8]),
    Repeated(u8, u32),
}

/// A frame whose blocks hold bytes as they are, or one byte many times.
pub(crate) fn zstd_frame(blocks: &[Block<'_>]) -> Vec<u8> {
    // The magic number, no flags, a window of 128 KiB.
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x38];
    for (index, block) in blocks.iter().enumerate() {
        let (kind, size, content) = match block {
            Block::Raw(bytes) => (0, u32::try_from(bytes.len()).unwrap(), *bytes),
            Block::Repeated(byte, times) => (1, *times, std::slice::from_ref(byte)),
        };
        let last = u32::from(index + 1 == blocks.len());
        frame.extend_from_slice(&(size << 3 | kind << 1 | last).to_le_bytes()[..3]);
        frame.extend_from_slice(content);
    }
    frame
}

fn iris(name: &str) -> Value {
    json!({ "name": name, "url": "https://models.example/m", "mimeType": "application/onnx" })
}

async fn register(client: &Client, coding: &str, body: Vec<u8>) -> Answer {
    let path = paths::versioned(&client.account.models());
    let request = client.request(Method::POST, &path).header("content-type", "application/json");
    client.try_send(request.header("content-encoding", coding).body(body)).await.unwrap()
}

#[tokio::test]
async fn management_bodies_may_be_packed_in_every_coding_and_patched_packed() {
    let edge = Edge::start();
    let client = edge.client().await;
    let document = iris("packed").to_string();
    let document = document.as_bytes();

    for (coding, body) in [
        ("gzip", gzip(document)),
        ("x-gzip", gzip(document)),
        ("GZIP", gzip(document)),
        ("deflate", deflate(document)),
        ("zstd", zstd_frame(&[Block::Raw(document)])),
        ("identity", document.to_vec()),
    ] {
        let model: Model = register(&client, coding, body).await.expect(200).json();
        assert_eq!(model.name, "packed", "{coding}");
    }

    let model = client.register("edited", "https://models.example/m").await;
    let path = paths::versioned(&client.account.model(model.id));
    let words = gzip(json!({ "description": "sent packed" }).to_string().as_bytes());
    let request = client.request(Method::PATCH, &path).header("content-encoding", "gzip");
    let request = request.header("content-type", "application/merge-patch+json").body(words);
    let edited: Model = client.try_send(request).await.unwrap().expect(200).json();
    assert_eq!(edited.description.as_deref(), Some("sent packed"));
}

#[tokio::test]
async fn a_management_body_is_never_unpacked_beyond_its_limit() {
    let edge = Edge::start();
    let client = edge.client().await;
    let limit = 1 << 20;
    let padded = |length: usize| {
        let mut document = iris("padded").to_string().into_bytes();
        document.resize(length, b' ');
        document
    };

    register(&client, "gzip", gzip(&padded(limit))).await.expect(200);
    // 128 KiB of blanks, nine times, in less than a hundred bytes.
    let blanks = zstd_frame(&[Block::Repeated(b' ', 128 << 10); 9]);
    assert!(blanks.len() < 100);
    for (coding, bomb) in [
        ("gzip", gzip(&padded(limit + 1))),
        ("deflate", deflate(&padded(limit + 1))),
        ("zstd", blanks),
        ("identity", padded(limit + 1)),
    ] {
        let refusal = register(&client, coding, bomb).await.expect(413).value();
        assert_eq!(refusal["code"], "LimitExceeded", "{coding}: {refusal}");
        assert_eq!(refusal["statusCode"], 413, "{coding}: {refusal}");
        assert!(refusal.to_string().contains("1048576"), "{coding}: {refusal}");
    }
    for coding in ["gzip", "deflate", "zstd"] {
        let refusal = register(&client, coding, b"not packed".to_vec()).await.expect(400).value();
        assert_eq!(refusal["code"], "InvalidRequest", "{coding}: {refusal}");
    }
    let refusal = register(&client, "br", b"{}".to_vec()).await.expect(415).value();
    assert!(refusal.to_string().contains("gzip, deflate, zstd"), "{refusal}");
}
