//! What compiling a model may cost the server.

use shared::{ErrorCode, OperationState};
use tests::{Edge, fixtures};

/// A model whose description takes `length` bytes.
fn wordy_model(length: usize) -> Vec<u8> {
    let mut onnx = fixtures::onnx("iris_logistic");
    onnx.push(0x32); // field 6 of ModelProto: doc_string
    let mut left = length;
    while left >= 0x80 {
        onnx.push(u8::try_from(left & 0x7F).unwrap() | 0x80);
        left >>= 7;
    }
    onnx.push(u8::try_from(left).unwrap());
    onnx.resize(onnx.len() + length, b'x');
    onnx
}

#[tokio::test]
async fn a_model_gets_no_more_memory_than_allowed_however_little_that_is() {
    let edge = Edge::start_with(&["--compile-memory", "384MiB"]);
    let client = edge.client().await;

    // Read, decoded and rewritten, it takes several times its size.
    for megabytes in [160, 224] {
        let name = format!("large-{megabytes}");
        let stored = client.upload(&name, &wordy_model(megabytes << 20)).await;
        let model = client.register(&name, &stored.url).await;
        let manifest = client.describe(&name, &model).await;
        let operation = client.pack(&name, &manifest).await;

        assert_eq!(operation.state, OperationState::Failed, "{name}");
        let error = operation.error.unwrap();
        assert_eq!(error.code, ErrorCode::LimitExceeded, "{name}: {error:?}");
        assert!(error.message.contains("384 MiB of memory"), "{name}: {error:?}");
    }
    client.publish("small", &wordy_model(1 << 20)).await;
}
