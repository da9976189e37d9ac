//! The same call in six languages, ready to paste.
//!
//! # Invariants
//! - The document is embedded so that quotes, backslashes and line ends of the data stay data.

use serde_json::Value;

use crate::api::quoted;

/// Languages of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeLanguage {
    Curl,
    Python,
    JavaScript,
    CSharp,
    R,
    Rust,
}

impl CodeLanguage {
    /// In the order they are offered.
    pub(crate) const ALL: [Self; 6] =
        [Self::Curl, Self::Python, Self::JavaScript, Self::CSharp, Self::R, Self::Rust];

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::CSharp => "C#",
            Self::R => "R",
            Self::Rust => "Rust",
        }
    }
}

/// The call.
pub(crate) fn code(language: CodeLanguage, url: &str, key: &str, document: &str) -> String {
    // Compact where it is JSON; what is half typed is passed on as it stands.
    let body = serde_json::from_str::<Value>(document)
        .map_or_else(|_| document.to_owned(), |value| value.to_string());
    // A JSON string literal is one in all of these languages.
    let literal = |text: &str| Value::from(text).to_string();
    let (url, key, text) = (url, key, &body);
    match language {
        CodeLanguage::Curl => format!(
            "curl -sS {} \\\n  -H {} \\\n  -H 'Content-Type: application/json' \\\n  -d {}",
            quoted(url),
            quoted(&format!("Authorization: Bearer {key}")),
            quoted(text)
        ),
        CodeLanguage::Python => format!(
            "import json\nimport urllib.request\n\nrequest = urllib.request.Request(\n    {},\n    \
             data={}.encode(),\n    headers={{\n        \"Authorization\": {},\n        \
             \"Content-Type\": \"application/json\",\n    }},\n)\n\
             with urllib.request.urlopen(request) as answer:\n    print(json.load(answer))",
            literal(url),
            literal(text),
            literal(&format!("Bearer {key}"))
        ),
        CodeLanguage::JavaScript => format!(
            "const answer = await fetch({}, {{\n  method: \"POST\",\n  headers: {{\n    \
             \"Authorization\": {},\n    \"Content-Type\": \"application/json\",\n  }},\n  \
             body: {},\n}});\nconsole.log(await answer.json());",
            literal(url),
            literal(&format!("Bearer {key}")),
            literal(text)
        ),
        CodeLanguage::CSharp => format!(
            "using System.Net.Http.Headers;\nusing System.Text;\n\nusing var client = new \
             HttpClient();\nclient.DefaultRequestHeaders.Authorization =\n    new \
             AuthenticationHeaderValue(\"Bearer\", {});\nvar body = new StringContent({}, \
             Encoding.UTF8, \"application/json\");\nvar answer = await client.PostAsync({}, \
             body);\nConsole.WriteLine(await answer.Content.ReadAsStringAsync());",
            literal(key),
            literal(text),
            literal(url)
        ),
        CodeLanguage::R => format!(
            "library(httr2)\n\nanswer <- request({}) |>\n  req_auth_bearer_token({}) |>\n  \
             req_body_raw({}, type = \"application/json\") |>\n  req_perform()\n\
             print(resp_body_json(answer))",
            literal(url),
            literal(key),
            literal(text)
        ),
        CodeLanguage::Rust => format!(
            "// reqwest = {{ version = \"0.12\", features = [\"blocking\"] }}\nfn main() -> \
             Result<(), reqwest::Error> {{\n    let answer = \
             reqwest::blocking::Client::new()\n        .post({})\n        .bearer_auth({})\n        \
             .header(\"Content-Type\", \"application/json\")\n        .body({})\n        \
             .send()?;\n    println!(\"{{}}\", answer.text()?);\n    Ok(())\n}}",
            rust_literal(url),
            rust_literal(key),
            rust_literal(text)
        ),
    }
}

/// A raw string with as many `#` as its text needs.
fn rust_literal(text: &str) -> String {
    let mut hashes = "#".to_owned();
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{text}\"{hashes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_command_survives_quotes() {
        let line = code(CodeLanguage::Curl, "http://h/score", "k'y", r#"{"data": [["it's"]]}"#);

        assert!(line.contains(r"Bearer k'\''y"), "{line}");
        assert!(line.contains(r#"-d '{"data":[["it'\''s"]]}'"#), "{line}");
    }

    #[test]
    fn every_language_holds_the_document_the_key_and_the_address() {
        let document = r#"{"data": [["a\"b"]]}"#;
        for language in CodeLanguage::ALL {
            let text = code(language, "http://h/score", "secret", document);

            assert!(text.contains("http://h/score"), "{text}");
            assert!(text.contains("secret"), "{text}");
            assert!(text.contains("data"), "{text}");
        }
        let python = code(CodeLanguage::Python, "u", "k", document);
        assert!(python.contains(r#""{\"data\":[[\"a\\\"b\"]]}""#), "{python}");
        assert_eq!(rust_literal(r##"a"#b"##), r###"r##"a"#b"##"###);
    }
}
