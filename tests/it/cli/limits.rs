//! What a compile on the command line may cost.

use tests::fixtures;

use super::{Desk, run};

#[test]
fn a_compile_beyond_its_time_or_memory_ends_with_6_and_leaves_nothing() {
    let desk = Desk::new();
    let onnx = fixtures::onnx_path("breast_cancer_forest");
    let onnx = onnx.to_str().unwrap();
    let module = desk.path("model.wasm");

    for (flag, limit, named) in
        [("--timeout", "1ms", "1ms"), ("--memory", "1MiB", "1MiB of memory")]
    {
        let refusal = run(&["compile", onnx, "-o", &module, flag, limit], "").expect(6);

        assert!(refusal.err.contains(named), "{flag}: {}", refusal.err);
        assert!(refusal.err.contains(flag), "{flag} helps: {}", refusal.err);
        assert!(desk.names().is_empty(), "{flag}: {:?}", desk.names());
    }
    run(&["compile", onnx, "-o", &module, "--memory", "2GiB", "--timeout", "1m"], "").expect(0);
}
