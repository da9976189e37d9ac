//! Runs a compiled model in this tab: the same module contract that the server's engine keeps, with
//! the browser's WebAssembly as the engine.
//!
//! [`tensors`] turns a request document into bytes and bytes into an answer; here the module is
//! instantiated without imports, prepared, filled, run and read.
//!
//! # Deliberately absent
//! - A time limit: the module was made by the server's compiler and its loops end by themselves;
//!   hand-written modules run at the visitor's own risk and block only this tab.

mod tensors;

use js_sys::{Function, Object, Reflect, Uint8Array, WebAssembly};
use shared::Signature;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

use self::tensors::{Filled, answer, encode, output_bytes};

pub(crate) use self::tensors::{Unfit, difference};

/// An instantiated module.
#[derive(Clone)]
pub(crate) struct Guest {
    exports: Object,
    memory: WebAssembly::Memory,
}

/// What came out, and how long the module itself took.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GuestAnswer {
    /// In the server's shape.
    pub(crate) document: serde_json::Value,
    pub(crate) milliseconds: f64,
}

/// Why a module gave no answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GuestError {
    /// The browser would not take the module.
    Refused(String),
    /// The document does not fit the model.
    Unfit(Unfit),
    /// The module trapped, or said that it cannot go on.
    Failed(String),
}

impl From<Unfit> for GuestError {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

fn said(error: JsValue) -> String {
    error
        .dyn_ref::<js_sys::Error>()
        .map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}

impl Guest {
    /// Lets the browser compile and instantiate a module.
    pub(crate) async fn load(wasm: &[u8]) -> Result<Self, GuestError> {
        let refused = |error: JsValue| GuestError::Refused(said(error));
        let made = JsFuture::from(WebAssembly::instantiate_buffer(wasm, &Object::new()))
            .await
            .map_err(refused)?;
        let instance = Reflect::get(&made, &"instance".into()).map_err(refused)?;
        let exports: Object =
            Reflect::get(&instance, &"exports".into()).map_err(refused)?.unchecked_into();
        let memory = Reflect::get(&exports, &"memory".into()).map_err(refused)?;
        let memory = memory
            .dyn_into::<WebAssembly::Memory>()
            .map_err(|_| GuestError::Refused("memory".to_owned()))?;
        Ok(Self { exports, memory })
    }

    /// Scores a request document.
    pub(crate) fn score(
        &self,
        signature: &Signature,
        document: &serde_json::Value,
        now: impl Fn() -> f64,
    ) -> Result<GuestAnswer, GuestError> {
        let calls = encode(signature, document)?;
        let mut took = 0.0;
        let mut parts = Vec::with_capacity(calls.len());
        for call in calls {
            let before = now();
            let symbols: Vec<i32> =
                if signature.symbols.is_empty() { vec![] } else { vec![call.rows] };
            self.expect_zero("prepare", &symbols)?;
            for (place, input) in (0_i32..).zip(&call.inputs) {
                self.fill(place, input)?;
            }
            self.expect_zero("run", &[])?;
            let mut outputs = Vec::with_capacity(signature.outputs.len());
            for (place, spec) in (0_i32..).zip(&signature.outputs) {
                let at = self.call("output", &[place])?;
                let length = output_bytes(spec, call.rows)?;
                let head = self.read(at, length)?;
                let text = if spec.element_type == shared::ElementType::String {
                    let end = head.rchunks_exact(4).next().map_or(0, last_offset);
                    let at = self.call("output_bytes", &[place])?;
                    self.read(at, end)?
                } else {
                    Vec::new()
                };
                outputs.push((head, text));
            }
            took += now() - before;
            parts.push((call.rows, outputs));
        }
        Ok(GuestAnswer { document: answer(signature, &parts)?, milliseconds: took })
    }

    fn fill(&self, place: i32, input: &Filled) -> Result<(), GuestError> {
        let at = self.call("input", &[place])?;
        self.write(at, &input.bytes)?;
        if let Some(text) = &input.text {
            let length = i32::try_from(text.len()).map_err(|_| Unfit::TooLarge)?;
            let at = self.call("input_bytes", &[place, length])?;
            self.write(at, text)?;
        }
        Ok(())
    }

    fn expect_zero(&self, name: &str, arguments: &[i32]) -> Result<(), GuestError> {
        match self.call(name, arguments)? {
            0 => Ok(()),
            status => Err(GuestError::Failed(format!("{name}: {status}"))),
        }
    }

    fn call(&self, name: &str, arguments: &[i32]) -> Result<i32, GuestError> {
        let failed = |error: JsValue| GuestError::Failed(said(error));
        let function = Reflect::get(&self.exports, &JsValue::from_str(name))
            .ok()
            .and_then(|it| it.dyn_into::<Function>().ok())
            .ok_or_else(|| GuestError::Failed(name.to_owned()))?;
        let list = js_sys::Array::new();
        for argument in arguments {
            list.push(&JsValue::from(*argument));
        }
        let result = function.apply(&JsValue::NULL, &list).map_err(failed)?;
        #[expect(clippy::cast_possible_truncation, reason = "an i32 of the module")]
        let result = result.as_f64().unwrap_or_default() as i64 as i32;
        Ok(result)
    }

    /// The module may have grown its memory, which voids earlier views.
    fn window(&self, at: i32, length: usize) -> Result<Uint8Array, GuestError> {
        let whole = Uint8Array::new(&self.memory.buffer());
        let start = at.cast_unsigned();
        let end = u32::try_from(length).ok().and_then(|length| start.checked_add(length));
        let end = end.filter(|end| *end <= whole.length());
        end.map(|end| whole.subarray(start, end))
            .ok_or_else(|| GuestError::Failed("out of bounds".to_owned()))
    }

    fn write(&self, at: i32, bytes: &[u8]) -> Result<(), GuestError> {
        self.window(at, bytes.len())?.copy_from(bytes);
        Ok(())
    }

    fn read(&self, at: i32, length: usize) -> Result<Vec<u8>, GuestError> {
        Ok(self.window(at, length)?.to_vec())
    }
}

fn last_offset(bytes: &[u8]) -> usize {
    bytes.try_into().map_or(0, |bytes| u32::from_le_bytes(bytes) as usize)
}
