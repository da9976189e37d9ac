//! Scorers written by hand in the text format, and what they claim about themselves.

use serde_json::{Value, json};

/// Adds the two numbers of each row; its signature names the columns `first` and `second`.
pub fn sums_two() -> Vec<u8> {
    let sum = "
        (local $i i32)
        (block $done
          (loop $next
            (br_if $done (i32.ge_u (local.get $i) (global.get $rows)))
            (f32.store
              (i32.add (i32.const 65536) (i32.shl (local.get $i) (i32.const 2)))
              (f32.add
                (f32.load (i32.add (i32.const 1024) (i32.shl (local.get $i) (i32.const 3))))
                (f32.load (i32.add (i32.const 1028) (i32.shl (local.get $i) (i32.const 3))))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))
        (i32.const 0)";
    guest(sum)
}

/// Never comes back from `run`.
pub fn never_returns() -> Vec<u8> {
    guest("(loop $forever (br $forever)) (unreachable)")
}

/// Gives up in `run`.
pub fn traps() -> Vec<u8> {
    guest("(unreachable)")
}

/// Counts for some ten milliseconds before it answers.
pub fn burns() -> Vec<u8> {
    guest(
        "(local $i i32)
        (loop $next
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (global.set $spent (i32.xor (global.get $spent) (local.get $i)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const 10000000))))
        (i32.const 0)",
    )
}

/// A module of the contract around the body of `run`: two `float32` columns in, one number out.
fn guest(run: &str) -> Vec<u8> {
    let signature = signature().to_string().replace('"', "\\\"");
    let text = format!(
        r#"(module
          (@custom "edge-scorer" "{signature}")
          (memory (export "memory") 3)
          (global $rows (mut i32) (i32.const 0))
          (global $spent (mut i32) (i32.const 0))
          (func (export "prepare") (param i32) (result i32)
            (if (i32.gt_u (local.get 0) (i32.const 4096)) (then (return (i32.const 2))))
            (global.set $rows (local.get 0))
            (i32.const 0))
          (func (export "input") (param i32) (result i32) (i32.const 1024))
          (func (export "output") (param i32) (result i32) (i32.const 65536))
          (func (export "run") (result i32) {run}))"#
    );
    wat::parse_str(text).unwrap()
}

fn signature() -> Value {
    json!({
        "contract": 1,
        "bounded": false,
        "symbols": [{ "name": "rows", "min": 1, "max": 4096 }],
        "inputs": [{ "name": "X", "type": "float32", "shape": ["rows", 2],
                     "columns": ["first", "second"] }],
        "outputs": [{ "name": "sum", "type": "float32", "shape": ["rows", 1], "role": "value" }],
    })
}
