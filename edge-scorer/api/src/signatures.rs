//! What a model takes and gives, as the console and clients see it.

use serde::Serialize;
use shared::{Check, Signature, UnsupportedOperator};

/// The JSON of the module contract, as far as it is known, plus what stands in the way.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct Described {
    #[serde(flatten)]
    signature: Option<Signature>,
    unsupported: Vec<UnsupportedOperator>,
}

impl From<Check> for Described {
    fn from(check: Check) -> Self {
        Self { signature: check.signature, unsupported: check.unsupported }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_contract_stands_beside_what_is_unsupported() {
        let signature = serde_json::from_value(json!({"contract": 1, "inputs": [], "outputs": []}));
        let known = Check { ok: true, signature: Some(signature.unwrap()), unsupported: vec![] };

        let shown = serde_json::to_value(Described::from(known)).unwrap();
        assert_eq!(shown["contract"], 1);
        assert_eq!(shown["unsupported"], json!([]));

        let unknown = Check { ok: false, signature: None, unsupported: vec![] };
        let shown = serde_json::to_value(Described::from(unknown)).unwrap();
        assert_eq!(shown, json!({"unsupported": []}));
    }
}
