//! Lists: order, filters, pages while rows come and go.

use control::{ControlError, ListQuery, Listed, ModelFilter};
use shared::Model;

use crate::edge::{Edge, model_request};

async fn far_models(edge: &Edge, names: &[&str]) {
    for name in names {
        let mut request = model_request(name, "https://example.org/m.onnx");
        request.tags = Some(vec![format!("tag-of-{name}")]);
        request.description = Some(format!("The model {name}"));
        edge.control.register_model(&edge.account, request).await.unwrap();
    }
}

async fn page(edge: &Edge, query: ListQuery) -> Result<Listed<Model>, ControlError> {
    edge.control.models(&edge.account, &ModelFilter::default(), &query).await
}

fn names(listed: &Listed<Model>) -> Vec<&str> {
    listed.value.iter().map(|model| model.name.as_str()).collect()
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_rows_come_and_go() {
    let edge = Edge::new().await;
    far_models(&edge, &["a", "b", "c", "d", "e", "f"]).await;
    let two = || ListQuery { count: Some("2".to_owned()), ..ListQuery::default() };

    let first = page(&edge, two()).await.unwrap();
    far_models(&edge, &["new"]).await;
    let gone = &first.value[1];
    edge.control.delete_model(&edge.account, &gone.id.to_string()).await.unwrap();
    let second = page(&edge, ListQuery { skip_token: first.next.clone(), ..two() }).await.unwrap();
    let third = page(&edge, ListQuery { skip_token: second.next.clone(), ..two() }).await.unwrap();

    assert_eq!(names(&first), ["f", "e"]);
    assert_eq!(names(&second), ["d", "c"]);
    assert_eq!(names(&third), ["b", "a"]);
    assert_eq!(third.next, None);
}

#[tokio::test]
async fn every_order_goes_on_where_it_stopped() {
    let edge = Edge::new().await;
    far_models(&edge, &["b", "a", "c", "a", "b"]).await;
    for (order, expected) in [
        ("name", ["a", "a", "b", "b", "c"]),
        ("name desc", ["c", "b", "b", "a", "a"]),
        ("createdAt asc", ["b", "a", "c", "a", "b"]),
        ("createdAt desc", ["b", "a", "c", "a", "b"]),
    ] {
        let mut query = ListQuery {
            count: Some("2".to_owned()),
            order_by: Some(order.to_owned()),
            ..ListQuery::default()
        };
        let mut seen = Vec::new();
        loop {
            let listed = page(&edge, query.clone()).await.unwrap();
            seen.extend(names(&listed).into_iter().map(str::to_owned));
            match listed.next {
                Some(next) => query.skip_token = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{order}");
    }
}

#[tokio::test]
async fn filters_compare_whole_values_and_search_looks_into_all_words() {
    let edge = Edge::new().await;
    far_models(&edge, &["iris", "Iris", "wine"]).await;
    let by = |filter: ModelFilter, query: ListQuery| {
        let (control, account) = (edge.control.clone(), edge.account.clone());
        async move { control.models(&account, &filter, &query).await.unwrap() }
    };
    let name = |name: &str| ModelFilter { name: Some(name.to_owned()), tag: None };
    let search = |text: &str| ListQuery { search: Some(text.to_owned()), ..ListQuery::default() };

    assert_eq!(names(&by(name("iris"), ListQuery::default()).await), ["iris"]);
    assert!(by(name("iri"), ListQuery::default()).await.value.is_empty());
    let tagged = ModelFilter { name: None, tag: Some("tag-of-wine".to_owned()) };
    assert_eq!(names(&by(tagged, ListQuery::default()).await), ["wine"]);
    assert_eq!(names(&by(ModelFilter::default(), search("MODEL IR")).await), ["Iris", "iris"]);
    assert!(by(ModelFilter::default(), search("%")).await.value.is_empty());
}

#[tokio::test]
async fn top_skip_and_total_add_up() {
    let edge = Edge::new().await;
    far_models(&edge, &["a", "b", "c", "d", "e"]).await;
    let mut query = ListQuery {
        count: Some("2".to_owned()),
        top: Some("3".to_owned()),
        skip: Some("1".to_owned()),
        total: Some("true".to_owned()),
        ..ListQuery::default()
    };

    let first = page(&edge, query.clone()).await.unwrap();
    query.skip_token = first.next.clone();
    let second = page(&edge, query).await.unwrap();

    assert_eq!((names(&first), first.count), (vec!["d", "c"], Some(5)));
    assert_eq!(names(&second), ["b"]);
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn a_malformed_query_is_refused() {
    let edge = Edge::new().await;
    far_models(&edge, &["a", "b"]).await;
    let one = ListQuery { count: Some("1".to_owned()), ..ListQuery::default() };
    let token = page(&edge, one).await.unwrap().next;
    let text = |text: &str| Some(text.to_owned());
    for bad in [
        ListQuery { count: text("0"), ..ListQuery::default() },
        ListQuery { count: text("many"), ..ListQuery::default() },
        ListQuery { skip_token: text("!"), ..ListQuery::default() },
        ListQuery { skip_token: token, order_by: text("name"), ..ListQuery::default() },
        ListQuery { order_by: text("colour"), ..ListQuery::default() },
        ListQuery { order_by: text("name sideways"), ..ListQuery::default() },
        ListQuery { skip: text("1000001"), ..ListQuery::default() },
        ListQuery { total: text("perhaps"), ..ListQuery::default() },
    ] {
        let refusal = page(&edge, bad.clone()).await.unwrap_err();
        assert!(matches!(refusal, ControlError::InvalidRequest { .. }), "{bad:?}");
    }
}
