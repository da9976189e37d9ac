//! Lists: order, filters, pages while rows come and go.

use control::{ControlError, ListQuery, Listed, ModelFilter};
use shared::{Model, ModelPatch};

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

/// Models that come, change and go, more than lie in one piece of text, and every so often a search:
/// whatever it looks for, in whatever order, it shows what a plain look at all models shows.
#[tokio::test]
async fn searches_are_right_while_models_come_change_and_go() {
    let edge = Edge::new().await;
    let mut standing: Vec<Model> = Vec::new();
    let mut dice = 20_261_126_u64;
    let mut below = |limit: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(dice >> 33).unwrap() % limit
    };
    let words = ["red", "green", "Blau", "日本", "x\u{1e}y"];

    let mut shown = 0;
    for step in 0..900 {
        let one = below(standing.len().max(1));
        match below(10) {
            0..6 => {
                let mut request = model_request(&format!("m{}", below(9)), "https://a.example/m");
                request.description = Some(words[below(5)].to_owned());
                request.tags = Some(vec![words[below(4)].to_owned(), "all".to_owned()]);
                standing.push(edge.control.register_model(&edge.account, request).await.unwrap());
            }
            6 | 7 if !standing.is_empty() => {
                let patch = ModelPatch {
                    description: Some(Some(words[below(5)].to_owned())),
                    tags: (below(2) == 0).then(|| Some(vec!["late".to_owned(), "all".to_owned()])),
                };
                let id = standing[one].id.to_string();
                let changed = edge.control.change_model(&edge.account, &id, patch).await;
                standing[one] = changed.unwrap();
            }
            8 if !standing.is_empty() => {
                let id = standing.remove(one).id.to_string();
                edge.control.delete_model(&edge.account, &id).await.unwrap();
            }
            _ => {}
        }
        if step == 500 {
            // All that lies in the first piece.
            for model in standing.drain(..140) {
                edge.control.delete_model(&edge.account, &model.id.to_string()).await.unwrap();
            }
        }
        if step % 7 > 0 {
            continue;
        }

        let word = ["re", "e", "BLAU", "本", "m3", "l", "x y", "m1\ngreen", "late"][below(9)];
        let tag = [None, Some("all"), Some("red"), Some("late"), Some("re")][below(5)];
        let filter = ModelFilter { name: None, tag: tag.map(str::to_owned) };
        let order = ["createdAt", "name", "version"][below(3)];
        let descending = below(2) == 0;
        let mut expected: Vec<&Model> = standing
            .iter()
            .filter(|model| tag.is_none_or(|tag| tags(model).contains(&tag)) && holds(model, word))
            .collect();
        expected.sort_by_key(|model| match order {
            "name" => (model.name.clone(), 0, model.id.to_string()),
            "version" => (String::new(), model.version, model.id.to_string()),
            _ => (String::new(), 0, String::new()),
        });
        if descending {
            expected.reverse();
        }
        let skip = below(3) * 4;
        let mut query = ListQuery {
            search: Some(word.to_owned()),
            order_by: Some(format!("{order} {}", if descending { "desc" } else { "asc" })),
            count: Some((1 + below(40)).to_string()),
            skip: Some(skip.to_string()),
            total: Some("true".to_owned()),
            ..ListQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let listed = edge.control.models(&edge.account, &filter, &query).await.unwrap();
            assert_eq!(listed.count, Some(expected.len() as u64), "{query:?} {filter:?}");
            found.extend(listed.value.into_iter().map(|model| model.id));
            let Some(next) = listed.next else { break };
            query.skip_token = Some(next);
        }
        let expected: Vec<_> = expected.iter().skip(skip).map(|model| model.id).collect();
        assert_eq!(found, expected, "{query:?} {filter:?}");
        shown += found.len();
    }
    assert!(standing.len() > 256, "{} models stand", standing.len());
    assert!(shown > 1_000, "{shown} rows were found");
}

fn tags(model: &Model) -> Vec<&str> {
    model.tags.iter().flatten().map(String::as_str).collect()
}

/// Whether a model's name, description and tags, a line each, hold a word.
fn holds(model: &Model, word: &str) -> bool {
    let parts = [model.name.as_str(), model.description.as_deref().unwrap_or_default()];
    let lines: Vec<_> = parts.into_iter().chain(tags(model)).map(str::to_lowercase).collect();
    lines.join("\n").replace('\u{1e}', " ").contains(&word.to_lowercase())
}
