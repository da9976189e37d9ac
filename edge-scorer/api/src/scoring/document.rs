//! The documents that a score is asked for with, and what each of them wants back.
//!
//! | document | answer |
//! |---|---|
//! | `{"data": [row…], "method"?}` | an object |
//! | `{"input_df": [row…]}` | a bare array |
//! | `{"input_data": [row…]}` or `{"input_data": {"columns", "index", "data"}}` | a bare array |
//! | `{"Inputs": {"data": [row…]}, "GlobalParameters": {"method"?}}` | `{"Results": [value…]}` |
//! | `{"Inputs": {"<port>": {"ColumnNames", "Values"}}}` | the table of the request-response service |
//!
//! Members that a document does not define are ignored.

use std::borrow::Cow;

use super::{
    frame::Frame,
    json::{Kind, Scanner},
    refusal::Refusal,
    rows::{self, Inputs},
};

/// Which document it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Data,
    InputDf,
    InputData,
    Inputs,
    Table,
    /// Of MLflow's scoring server.
    Invocation,
}

/// What a model is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Predict,
    PredictProba,
}

/// A document, read.
#[derive(Debug, PartialEq)]
pub(super) struct Document {
    pub(super) dialect: Dialect,
    pub(super) method: Option<Method>,
    pub(super) inputs: Inputs,
}

/// Members of a table, wherever they stand in it.
#[derive(Default)]
struct Table<'a> {
    columns: Option<Scanner<'a>>,
    values: Option<Scanner<'a>>,
}

/// Reads a document of any dialect.
pub(super) fn read(body: &[u8], frame: &Frame<'_>) -> Result<Document, Refusal> {
    let mut scanner = Scanner::of_body(body)?;
    if scanner.peek()? != Kind::Object {
        return Err(Refusal::unknown_dialect("the document is not an object"));
    }
    let mut found: Option<(Dialect, Inputs)> = None;
    let mut method = None;
    let mut members = scanner.object()?;
    while let Some(key) = scanner.key(&mut members)? {
        let read = match &*key {
            "data" => Some((Dialect::Data, rows::read(&mut scanner, frame, None)?)),
            "input_df" => Some((Dialect::InputDf, rows::read(&mut scanner, frame, None)?)),
            "input_data" => Some((Dialect::InputData, input_data(&mut scanner, frame)?)),
            "Inputs" => Some(inputs(&mut scanner, frame)?),
            "method" => {
                method = read_method(&mut scanner)?;
                None
            }
            "GlobalParameters" => {
                method = parameters(&mut scanner)?.or(method);
                None
            }
            _ => {
                scanner.skip()?;
                None
            }
        };
        if let Some(read) = read
            && found.replace(read).is_some()
        {
            return Err(Refusal::unknown_dialect("the document holds rows in more than one place"));
        }
    }
    scanner.end()?;
    let Some((dialect, inputs)) = found else {
        return Err(Refusal::unknown_dialect(
            "the document has none of the members `data`, `input_df`, `input_data` and `Inputs`",
        ));
    };
    Ok(Document { dialect, method, inputs })
}

fn read_method(scanner: &mut Scanner<'_>) -> Result<Option<Method>, Refusal> {
    match scanner.peek()? {
        Kind::Null => {
            scanner.null()?;
            Ok(None)
        }
        Kind::Text => method(&scanner.text()?).map(Some),
        _ => method("").map(Some),
    }
}

/// A method by its name.
pub(super) fn method(name: &str) -> Result<Method, Refusal> {
    match name {
        "predict" => Ok(Method::Predict),
        "predict_proba" => Ok(Method::PredictProba),
        _ => Err(Refusal::new("the method is unknown", "send `predict` or `predict_proba`")),
    }
}

/// The method that an object of parameters may name.
pub(super) fn parameters(scanner: &mut Scanner<'_>) -> Result<Option<Method>, Refusal> {
    if scanner.peek()? != Kind::Object {
        scanner.skip()?;
        return Ok(None);
    }
    let mut method = None;
    let mut members = scanner.object()?;
    while let Some(key) = scanner.key(&mut members)? {
        if key == "method" {
            method = read_method(scanner)?;
        } else {
            scanner.skip()?;
        }
    }
    Ok(method)
}

/// Rows, or a table as pandas splits it.
fn input_data(scanner: &mut Scanner<'_>, frame: &Frame<'_>) -> Result<Inputs, Refusal> {
    if scanner.peek()? == Kind::Array {
        return rows::read(scanner, frame, None);
    }
    split_table(scanner, "`input_data`", frame)
}

/// `{"columns", "index", "data"}`.
pub(super) fn split_table(
    scanner: &mut Scanner<'_>,
    place: &str,
    frame: &Frame<'_>,
) -> Result<Inputs, Refusal> {
    table(scanner, place, ["columns", "data"])?.read(frame, ["columns", "data"])
}

/// Rows under `data`, or a table under a port of any name.
fn inputs(scanner: &mut Scanner<'_>, frame: &Frame<'_>) -> Result<(Dialect, Inputs), Refusal> {
    if scanner.peek()? != Kind::Object {
        return Err(Refusal::unknown_dialect("`Inputs` is not an object"));
    }
    let mut found = None;
    let mut members = scanner.object()?;
    while let Some(port) = scanner.key(&mut members)? {
        let read = if scanner.peek()? == Kind::Array && port == "data" {
            (Dialect::Inputs, rows::read(scanner, frame, None)?)
        } else {
            let names = ["ColumnNames", "Values"];
            let table = table(scanner, "an input port", names)?;
            (Dialect::Table, table.read(frame, names)?)
        };
        if found.replace(read).is_some() {
            return Err(Refusal::unknown_dialect("`Inputs` has more than one port"));
        }
    }
    found.ok_or_else(|| Refusal::unknown_dialect("`Inputs` has no port"))
}

/// Finds a table's parts; its rows can be read only when the columns are known.
fn table<'a>(
    scanner: &mut Scanner<'a>,
    place: &str,
    [columns, values]: [&str; 2],
) -> Result<Table<'a>, Refusal> {
    if scanner.peek()? != Kind::Object {
        return Err(Refusal::unknown_dialect(format!(
            "{place} is not an object with `{columns}` and `{values}`"
        )));
    }
    let mut table = Table::default();
    let mut members = scanner.object()?;
    while let Some(key) = scanner.key(&mut members)? {
        let value = scanner.skip()?;
        if key == columns {
            table.columns = Some(value);
        } else if key == values {
            table.values = Some(value);
        }
    }
    Ok(table)
}

impl Table<'_> {
    fn read(self, frame: &Frame<'_>, [columns, values]: [&str; 2]) -> Result<Inputs, Refusal> {
        let missing =
            |name: &str| Refusal::unknown_dialect(format!("the table has no member `{name}`"));
        let mut rows = self.values.ok_or_else(|| missing(values))?;
        let mut names = self.columns.ok_or_else(|| missing(columns))?;
        let header = match names.peek()? {
            // pandas leaves the names out where there are none.
            Kind::Null => None,
            _ => Some(rows::header(&read_names(&mut names, columns)?, &frame.columns())?),
        };
        rows::read(&mut rows, frame, header.as_deref())
    }
}

/// Column names; a number is a name too.
fn read_names<'a>(scanner: &mut Scanner<'a>, member: &str) -> Result<Vec<Cow<'a, str>>, Refusal> {
    let refuse = || {
        Refusal::new(
            format!("`{member}` is not an array of names"),
            "send one name for each column",
        )
    };
    if scanner.peek()? != Kind::Array {
        return Err(refuse());
    }
    let mut names = Vec::new();
    let mut members = scanner.array()?;
    while scanner.next(&mut members)? {
        names.push(match scanner.peek()? {
            Kind::Text => scanner.text()?,
            Kind::Number => Cow::Borrowed(scanner.number()?.token),
            _ => return Err(refuse()),
        });
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use shared::{ErrorCode, Signature};

    use super::*;

    fn read_document(body: &str) -> Result<Document, Refusal> {
        let signature: Signature = serde_json::from_str(
            r#"{"contract":1,"symbols":[{"name":"rows","min":1,"max":9}],"outputs":[],
                "inputs":[{"name":"X","type":"float32","shape":["rows",2],"columns":["a","b"]}]}"#,
        )
        .unwrap();
        read(body.as_bytes(), &Frame::of(&signature))
    }

    #[test]
    fn every_dialect_holds_the_same_rows() {
        for (body, dialect, method) in [
            (r#"{"data":[[1,2],[3,4]]}"#, Dialect::Data, None),
            (r#"{"method":"predict","data":[[1,2],[3,4]]}"#, Dialect::Data, Some(Method::Predict)),
            (
                r#"{"data":[{"b":2,"a":1},{"a":3,"b":4}],"method":"predict_proba"}"#,
                Dialect::Data,
                Some(Method::PredictProba),
            ),
            (r#"{"data":[[1,2],[3,4]],"method":null,"else":[{}]}"#, Dialect::Data, None),
            (r#"{"input_df":[{"a":1,"b":2},{"a":"3","b":4}]}"#, Dialect::InputDf, None),
            (r#"{"input_data":[[1,2],[3,4]]}"#, Dialect::InputData, None),
            (
                r#"{"input_data":{"columns":["b","a"],"index":[0,1],"data":[[2,1],[4,3]]}}"#,
                Dialect::InputData,
                None,
            ),
            (
                r#"{"input_data":{"data":[[2,1],[4,3]],"columns":["b","a"]}}"#,
                Dialect::InputData,
                None,
            ),
            (
                r#"{"Inputs":{"data":[[1,2],[3,4]]},"GlobalParameters":{"method":"predict_proba"}}"#,
                Dialect::Inputs,
                Some(Method::PredictProba),
            ),
            (r#"{"Inputs":{"data":[[1,2],[3,4]]},"GlobalParameters":1.0}"#, Dialect::Inputs, None),
            (
                r#"{"GlobalParameters":{},"Inputs":{"input1":{"ColumnNames":["a","b"],"Values":[["1","2"],["3","4"]]}}}"#,
                Dialect::Table,
                None,
            ),
            (
                r#"{"Inputs":{"data":{"Values":[[2,1],[4,3]],"ColumnNames":["b","a"]}}}"#,
                Dialect::Table,
                None,
            ),
        ] {
            let document =
                read_document(body).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"));
            assert_eq!((document.dialect, document.method), (dialect, method), "{body}");
            assert_eq!(document.inputs.rows, 2, "{body}");
            assert_eq!(
                document.inputs.tensors[0].as_f32().unwrap(),
                [1.0, 2.0, 3.0, 4.0],
                "{body}"
            );
        }
    }

    #[test]
    fn an_empty_list_of_rows_is_a_document() {
        for body in [
            r#"{"data":[]}"#,
            r#"{"input_df":[]}"#,
            r#"{"input_data":{"columns":["a","b"],"data":[]}}"#,
            r#"{"Inputs":{"i":{"ColumnNames":["a","b"],"Values":[]}}}"#,
        ] {
            assert_eq!(read_document(body).unwrap().inputs.rows, 0, "{body}");
        }
    }

    #[test]
    fn anything_else_is_an_unknown_dialect() {
        for body in [
            "[]",
            "5",
            "{}",
            r#"{"rows":[[1,2]]}"#,
            r#"{"data":[[1,2]],"input_df":[[1,2]]}"#,
            r#"{"data":[[1,2]],"data":[[1,2]]}"#,
            r#"{"Inputs":[]}"#,
            r#"{"Inputs":{}}"#,
            r#"{"Inputs":{"input1":[[1,2]]}}"#,
            r#"{"Inputs":{"input1":{"Values":[]}}}"#,
            r#"{"input_data":{"columns":["a","b"]}}"#,
            r#"{"input_data":"x"}"#,
            r#"{"Inputs":{"a":{"ColumnNames":["a","b"],"Values":[]},"b":{"ColumnNames":["a","b"],"Values":[]}}}"#,
        ] {
            assert_eq!(read_document(body).unwrap_err().code, ErrorCode::UnknownDialect, "{body}");
        }
    }

    #[test]
    fn malformed_documents_say_what_is_wrong() {
        for (body, word) in [
            ("", "ends too early"),
            (r#"{"data":[[1,2]]"#, "ends too early"),
            (r#"{"data":[[1,2]]} x"#, "follows the document"),
            (r#"{"data":{"a":1}}"#, "not an array"),
            (r#"{"data":[[1,2]],"method":"fit"}"#, "method"),
            (r#"{"input_data":{"columns":["a","c"],"data":[]}}"#, "`c`"),
            (r#"{"input_data":{"columns":"a","data":[]}}"#, "array of names"),
            (r#"{"input_data":{"columns":["a","b"],"data":[{"a":1,"b":2}]}}"#, "neither"),
        ] {
            let message = read_document(body).unwrap_err().message;
            assert!(message.contains(word), "{body}: {message}");
        }
        let signature = serde_json::from_str(r#"{"contract":1,"inputs":[],"outputs":[]}"#).unwrap();
        assert!(read(b"{\"data\":[\xff]}", &Frame::of(&signature)).is_err());
    }
}
