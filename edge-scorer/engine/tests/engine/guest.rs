//! A guest to be bent: by default it computes `y = 2·a + 3·b + 1` for each row `[a, b]`.

use std::{path::Path, time::Duration};

use engine::{
    Engine, EngineConfig, Module, ModuleError, Scorer, ScorerLimits, Tensor, TensorData, Trust,
};

/// The default guest's signature.
pub(crate) const LINEAR: &str = r#"{"contract":1,"bounded":true,"rowCostNs":5,
    "symbols":[{"name":"rows","min":1,"max":8}],
    "inputs":[{"name":"X","type":"float32","shape":["rows",2]}],
    "outputs":[{"name":"y","type":"float32","shape":["rows"],"role":"value"}]}"#;

/// Adds up the rows.
const RUN: &str = "(local $i i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (global.get $rows)))
        (f32.store offset=32768 (i32.mul (local.get $i) (i32.const 4))
          (f32.add (f32.const 1)
            (f32.add
              (f32.mul (f32.const 2)
                (f32.load offset=1024 (i32.mul (local.get $i) (i32.const 8))))
              (f32.mul (f32.const 3)
                (f32.load offset=1028 (i32.mul (local.get $i) (i32.const 8)))))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.const 0)";

/// The parts of a module, each a piece of WebAssembly text.
pub(crate) struct Guest {
    pub(crate) signature: String,
    /// Imports, which the text format wants first.
    pub(crate) imports: &'static str,
    pub(crate) memory: &'static str,
    pub(crate) prepare: &'static str,
    pub(crate) input: &'static str,
    pub(crate) output: &'static str,
    pub(crate) run: &'static str,
    /// Anything else.
    pub(crate) more: &'static str,
}

impl Guest {
    pub(crate) fn linear() -> Self {
        Self {
            signature: LINEAR.to_owned(),
            imports: "",
            memory: r#"(memory (export "memory") 1)"#,
            prepare: r#"(func (export "prepare") (param i32) (result i32)
                (global.set $rows (local.get 0)) (i32.const 0))"#,
            input: r#"(func (export "input") (param i32) (result i32) (i32.const 1024))"#,
            output: r#"(func (export "output") (param i32) (result i32) (i32.const 32768))"#,
            run: RUN,
            more: "",
        }
    }

    pub(crate) fn signed(signature: &str) -> Self {
        Self { signature: signature.to_owned(), ..Self::linear() }
    }

    pub(crate) fn running(run: &'static str) -> Self {
        Self { run, ..Self::linear() }
    }

    /// The module's bytes.
    pub(crate) fn wasm(&self) -> Vec<u8> {
        let Self { imports, memory, prepare, input, output, run, more, .. } = self;
        let text = format!(
            r#"(module {imports} {memory}
                (global $rows (mut i32) (i32.const 0))
                {prepare} {input} {output} {more}
                (func (export "run") (result i32) {run}))"#
        );
        let mut wasm = wat::parse_str(text).unwrap();
        append_section(&mut wasm, "edge-scorer", self.signature.as_bytes());
        wasm
    }

    pub(crate) fn load(&self, trust: Trust) -> Module {
        engine().load(&self.wasm(), trust).unwrap()
    }

    /// A scorer of the hand-written kind.
    pub(crate) fn scorer(&self) -> Scorer {
        Scorer::new(self.load(Trust::HandWritten), ScorerLimits::default())
    }

    pub(crate) fn refusal(&self) -> ModuleError {
        match engine().load(&self.wasm(), Trust::HandWritten) {
            Ok(_) => panic!("the module is not refused"),
            Err(refusal) => refusal,
        }
    }
}

/// Appends a custom section.
pub(crate) fn append_section(wasm: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut content = leb128(name.len());
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    wasm.push(0);
    wasm.extend(leb128(content.len()));
    wasm.extend(content);
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// An engine with short deadlines and little address space.
pub(crate) fn engine() -> Engine {
    Engine::new(config()).unwrap()
}

pub(crate) fn engine_with_cache(folder: &Path) -> Engine {
    Engine::new(EngineConfig { cache_dir: Some(folder.to_owned()), ..config() }).unwrap()
}

fn config() -> EngineConfig {
    EngineConfig {
        memory_cap_bytes: 64 << 20,
        deadline: Duration::from_millis(300),
        max_instances: 10,
        ..EngineConfig::default()
    }
}

/// Rows of two numbers.
pub(crate) fn rows(values: &[[f32; 2]]) -> Vec<Tensor> {
    let data = TensorData::Float32(values.concat());
    vec![Tensor::new(vec![values.len() as u64, 2], data).unwrap()]
}

/// `[i, 1]` for each row.
pub(crate) fn counted(count: u64) -> Vec<Tensor> {
    rows(&(0..count).map(|i| [i as f32, 1.0]).collect::<Vec<_>>())
}
