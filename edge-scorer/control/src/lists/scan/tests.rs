use super::*;
use crate::lists::{
    chunk::{FIELD, ROW},
    place::Behind,
};

/// Numbers 1 to 9 with the same number as version; names are in the opposite order.
fn texts() -> String {
    let row = |n: i64| {
        let (name, tag) = (format!("name-{}", 9 - n), ["odd", "ev\"en"][usize::from(n % 2 == 0)]);
        let tags = serde_json::to_string(&[tag, "all"]).unwrap();
        format!(
            "{ROW}{name}\nnumber {n}{FIELD}{n}{FIELD}id-{n}{FIELD}{name}{FIELD}{n}{FIELD}{tags}"
        )
    };
    (1..=9).map(row).collect()
}

fn wanted(word: &str) -> Wanted {
    Wanted { word: Some(word.to_owned()), exactly: Exactly::default(), keys: None }
}

fn place(field: Option<usize>, descending: bool) -> Place {
    let is_text = field == Some(0);
    let wants_total = true;
    Place { field, is_text, descending, behind: None, skip: 0, limit: 2, wants_total }
}

fn behind(number: i64, text: &str, id: &str) -> Option<Behind> {
    Some(Behind { number, text: text.to_owned(), id: id.to_owned() })
}

/// In chunks of five and four.
fn chunks() -> Vec<Arc<Chunk>> {
    let texts = texts();
    let (at, _) = texts.match_indices(ROW).nth(5).unwrap();
    let (first, second) = texts.split_at(at);
    [first, second].map(|text| Arc::new(Chunk::read(text).unwrap())).into()
}

fn page(wanted: &Wanted, place: &Place) -> (u64, Vec<i64>) {
    let found = look(&chunks(), wanted, place).unwrap();
    (found.total, found.page)
}

#[test]
fn a_page_and_one_row_more_is_chosen_in_every_order_and_all_are_counted() {
    assert_eq!(page(&wanted("number"), &place(None, true)), (9, vec![9, 8, 7]));
    assert_eq!(page(&wanted("number"), &place(None, false)), (9, vec![1, 2, 3]));
    assert_eq!(page(&wanted("name-"), &place(Some(0), false)), (9, vec![9, 8, 7]));
    assert_eq!(page(&wanted("m"), &place(Some(1), true)), (9, vec![9, 8, 7]));
    assert_eq!(page(&wanted("number 4"), &place(Some(0), true)), (1, vec![4]));
    for elsewhere in ["id-", "odd\"", "number 4\nname", "nowhere"] {
        let found = page(&wanted(elsewhere), &place(None, true));
        assert_eq!(found, (0, vec![]), "only texts are searched, each by itself");
    }
    for (field, last) in [(None, vec![2, 1]), (Some(0), vec![8, 9]), (Some(1), vec![2, 1])] {
        let skipping = Place { skip: 7, ..place(field, true) };
        assert_eq!(page(&wanted("number"), &skipping), (9, last));
        let beyond = Place { skip: 9, ..place(field, true) };
        assert_eq!(page(&wanted("number"), &beyond), (9, vec![]));
    }
}

#[test]
fn a_full_page_in_the_order_of_keys_ends_the_search_where_nothing_is_counted() {
    let quick = Place { wants_total: false, ..place(None, true) };
    assert_eq!(page(&wanted("number"), &quick), (4, vec![9, 8, 7]));
}

#[test]
fn a_page_goes_on_behind_a_cursor() {
    let later = |begin, field, descending| Place { behind: begin, ..place(field, descending) };
    let four = || behind(4, "", "id-4");
    assert_eq!(page(&wanted("number"), &later(four(), None, true)), (9, vec![3, 2, 1]));
    assert_eq!(page(&wanted("number"), &later(four(), None, false)), (9, vec![5, 6, 7]));
    assert_eq!(page(&wanted("number"), &later(four(), Some(1), true)), (9, vec![3, 2, 1]));
    assert_eq!(page(&wanted("number"), &later(four(), Some(1), false)), (9, vec![5, 6, 7]));
    let named = behind(0, "name-5", "id-3");
    let found = page(&wanted("number"), &later(named, Some(0), false));
    assert_eq!(found, (9, vec![4, 3, 2]), "ids tell names apart");
}

#[test]
fn tags_are_compared_whole_and_keys_are_looked_up() {
    let exactly = |name: Option<&str>, tag: Option<&str>| Exactly {
        name: name.map(str::to_owned),
        tag: tag.map(str::to_owned),
    };
    let tagged = |tag: &str| Wanted { exactly: exactly(None, Some(tag)), ..wanted("number") };
    let of_both = Wanted { word: None, exactly: exactly(Some("name-2"), Some("odd")), keys: None };
    assert_eq!(page(&of_both, &place(None, true)), (1, vec![7]));
    let of_part = Wanted { word: None, exactly: exactly(Some("name-"), None), keys: None };
    assert_eq!(page(&of_part, &place(None, true)), (0, vec![]));
    assert_eq!(page(&tagged("ev\"en"), &place(None, true)), (4, vec![8, 6, 4]));
    assert_eq!(page(&tagged("all"), &place(None, true)).0, 9);
    for part in ["od", "en", "even", "", "odd\",\"all", "Odd"] {
        assert_eq!(page(&tagged(part), &place(None, true)).0, 0, "{part}");
    }
    let keyed = |keys: &str| Wanted { keys: Some(Keys::read(keys).unwrap()), ..wanted("name") };
    assert_eq!(page(&keyed("7,2,3"), &place(None, true)), (3, vec![7, 3, 2]));
    assert_eq!(page(&keyed("1,64,1000"), &place(None, true)), (1, vec![1]));
    assert_eq!(page(&keyed(""), &place(None, true)), (0, vec![]));
}
