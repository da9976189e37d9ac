//! Asks SQLite how it would run every list's statements: none may look at every row of a table.

use shared::{OperationState, OperationType};

use super::*;
use crate::{
    DeploymentFilter, ImageFilter, ListQuery, ManifestFilter, ServiceFilter, deployments, images,
    manifests, models, operations, services, store::Store,
};

/// A list with filters, and whether they are few enough rows to be sorted.
struct Case {
    name: String,
    table: &'static Table,
    conditions: Box<Conditions<'static>>,
}

fn case(
    name: impl Into<String>,
    table: &'static Table,
    conditions: impl Fn(&mut QueryBuilder<Sqlite>) + Send + Sync + 'static,
) -> Case {
    Case { name: name.into(), table, conditions: Box::new(conditions) }
}

/// Every subset of `N` filters: `Some` text for those that are in it.
fn subsets<const N: usize>() -> impl Iterator<Item = [Option<String>; N]> {
    (0..1_usize << N).map(|set| {
        std::array::from_fn(|filter| (set >> filter & 1 == 1).then(|| "something".to_owned()))
    })
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.push(case("models", &models::TABLE, |_| {}));
    for [model_id, manifest_name] in subsets() {
        let filter = ManifestFilter { model_id, manifest_name };
        let table = &manifests::TABLE;
        cases.push(case(format!("{filter:?}"), table, move |q| manifests::narrow(q, &filter)));
    }
    for [manifest_id, manifest_name] in subsets() {
        let filter = ImageFilter { manifest_id, manifest_name };
        let table = &images::TABLE;
        cases.push(case(format!("{filter:?}"), table, move |q| images::narrow(q, &filter)));
    }
    for [service_name, model_id, model_name, manifest_id, manifest_name, image_id, compute] in
        subsets()
    {
        let filter = ServiceFilter {
            service_name,
            model_id,
            model_name,
            manifest_id,
            manifest_name,
            image_id,
            compute_resource_id: compute,
        };
        let table = &services::TABLE;
        let narrow = move |q: &mut QueryBuilder<Sqlite>| services::narrow(q, "account", &filter);
        cases.push(case("services", table, narrow));
    }
    for [state, kind, resource] in subsets() {
        let state = state.map(|_| OperationState::Failed);
        let kind = kind.map(|_| OperationType::Image);
        let name = format!("operations {state:?} {kind:?} {resource:?}");
        let table = if resource.is_some() { &operations::OF_RESOURCE } else { &operations::TABLE };
        let narrow = move |q: &mut QueryBuilder<Sqlite>| {
            operations::narrow(q, state, kind, resource.as_deref());
        };
        cases.push(case(name, table, narrow));
    }
    for [service] in subsets() {
        let filter = DeploymentFilter { service_id: service };
        let table = if filter.service_id.is_some() {
            &deployments::OF_SERVICE
        } else {
            &deployments::TABLE
        };
        let narrow = move |q: &mut QueryBuilder<Sqlite>| {
            deployments::narrow(q, filter.service_id.as_deref());
        };
        cases.push(case("deployments", table, narrow));
    }
    cases
}

async fn plan(store: &Store, statement: &Statement) -> Vec<String> {
    let text = format!("EXPLAIN QUERY PLAN {}", statement.sql().as_str());
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(store.read()).await.unwrap();
    rows.iter().map(|row| sqlx::Row::get(row, "detail")).collect()
}

/// Rows that were chosen already, and indexes of words, are read from end to end.
fn looks_at_every_row(step: &str) -> bool {
    step.starts_with("SCAN ")
        && !step.starts_with("SCAN p")
        // Rows that the subquery found by index; its own step says how.
        && !step.starts_with("SCAN (subquery")
        && !step.contains("VIRTUAL TABLE INDEX")
}

#[tokio::test]
async fn no_list_looks_at_every_row_of_a_table_and_no_plain_order_is_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), true).await.unwrap();
    let mut seen = 0;
    for case in cases() {
        let selection = Selection::new(case.table, "account", 1, &case.conditions);
        let orders = case.table.orders.iter();
        for order in orders.flat_map(|order| ["asc", "desc"].map(|way| (order.name, way))) {
            let query = ListQuery {
                order_by: Some(format!("{} {}", order.0, order.1)),
                ..ListQuery::default()
            };
            let first = Asked::read(case.table, &query).unwrap();
            let token = crate::lists::asked::Cursor::example(&first).encode().unwrap();
            let query = ListQuery { skip_token: Some(token), ..query.clone() };
            let later = Asked::read(case.table, &query).unwrap();
            let mut statements =
                vec![selection.rows(&first), selection.rows(&later), selection.counted(&first)];
            if case.table.rows == Rows::Keyed {
                statements.push(selection.filtered_keys(&first));
                statements.push(selection.of_keys(&first, &[1, 2]));
            }
            for (at, statement) in statements.iter().enumerate() {
                let plan = plan(&store, statement).await;
                let shown =
                    format!("{} by {order:?}: {}\n{plan:#?}", case.name, statement.sql().as_str());
                assert!(!plan.iter().any(|step| looks_at_every_row(step)), "{shown}");
                let sorted = plan.iter().filter(|step| step.contains("TEMP B-TREE")).count();
                // Indexes of few rows: `operations_by_resource`, `deployments_by_service`.
                let few = ["_by_resource", "_by_service"];
                if case.table.rows == Rows::Few {
                    assert!(
                        plan.iter().any(|it| few.iter().any(|few| it.contains(few))),
                        "{shown}"
                    );
                }
                // The page itself is put in order once more.
                if at < 2 && !selection.filtered {
                    assert!(sorted <= 1, "{shown}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 3_000, "{seen} statements");
    store.close().await;
}
