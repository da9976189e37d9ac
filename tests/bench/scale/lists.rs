//! Every page of every list: filters, words, orders, places and totals in every combination.

use std::time::{Duration, Instant};

use shared::{Image, Model, paths};
use tests::Client;

/// What a page may take.
const GOAL: Duration = Duration::from_millis(20);
/// Requests for each page; the median counts.
const ROUNDS: usize = 5;
/// Requests for a page whose median was above the goal: the machine may have been busy.
const MORE_ROUNDS: usize = 31;
/// Pages that are shown for each list.
const SHOWN: usize = 4;

/// What filters can name.
pub(super) struct Known {
    pub(super) model: Model,
    pub(super) image: Image,
    pub(super) service_id: String,
}

/// A list with what it can be asked.
struct List {
    name: &'static str,
    path: String,
    filters: Vec<String>,
    words: &'static [&'static str],
    orders: &'static [&'static str],
}

/// Of one letter and of many, in every row, in many, in few and in none.
const MODEL_WORDS: &[&str] = &[
    "",
    "a",
    "m",
    "0",
    "-",
    "tr",
    "04",
    "%0A",
    "zq",
    "%E6%97%A5",
    "mod",
    "set",
    "model-",
    "number 7",
    "trained on data set",
    "kept behind",
    "production",
    "team-13",
    "set 1008",
    "model-09999",
    "nowhere-to-be-found",
];
const SERVICE_WORDS: &[&str] =
    &["", "s", "0", "-", "se", "00", "zq", "ser", "service-", "service-09", "00042", "nowhere"];

/// Measures all of them and prints the slowest; pages above the goal are added to `missed`.
pub(super) async fn measure(client: &Client, known: &Known, missed: &mut Vec<String>) {
    println!("Goal for every page: {GOAL:?}.\n");
    println!("| list | pages | median | slowest by median |\n|---|--:|--:|---|");
    for list in lists(client, known) {
        let mut pages = Vec::new();
        for query in list.queries() {
            let path = format!("{}{query}", paths::versioned(&list.path));
            let mut median = time(client, &path, ROUNDS).await;
            if median > GOAL {
                median = time(client, &path, MORE_ROUNDS).await;
            }
            if median > GOAL {
                missed.push(format!("{}{query}: {median:?}", list.name));
            }
            pages.push((median, query));
        }
        pages.sort();
        let slowest: Vec<_> = pages.iter().rev().take(SHOWN).collect();
        let slowest: Vec<_> =
            slowest.iter().map(|(time, query)| format!("`{query}` {time:.2?}")).collect();
        let median = pages[pages.len() / 2].0;
        println!("| {} | {} | {median:.2?} | {} |", list.name, pages.len(), slowest.join(", "));
    }
    println!();
}

impl List {
    /// The first page, one in the middle and a full one, each with and without a total.
    fn queries(&self) -> Vec<String> {
        let mut queries = Vec::new();
        for filter in &self.filters {
            for word in self.words {
                for order in self.orders {
                    for place in ["", "&$skip=5000", "&count=1000"] {
                        for total in ["", "&$count=true"] {
                            let mut query = format!("{filter}{place}{total}");
                            if !word.is_empty() {
                                query += &format!("&search={}", word.replace(' ', "%20"));
                            }
                            if !order.is_empty() {
                                query += &format!("&$orderby={}", order.replace(' ', "%20"));
                            }
                            queries.push(query);
                        }
                    }
                }
            }
        }
        queries
    }
}

fn lists(client: &Client, known: &Known) -> Vec<List> {
    let account = &client.account;
    let filters = |filters: &[&str]| filters.iter().map(|filter| (*filter).to_owned()).collect();
    let keyed = &["", "createdAt", "name", "name desc", "version", "version desc", "updatedAt"];
    vec![
        List {
            name: "models",
            path: account.models(),
            filters: filters(&[
                "",
                "&name=model-00042",
                "&tag=team-13",
                "&tag=production",
                "&name=model-00042&tag=production",
            ]),
            words: MODEL_WORDS,
            orders: keyed,
        },
        List {
            name: "services",
            path: account.services(),
            filters: vec![
                String::new(),
                "&serviceName=service-00007".to_owned(),
                format!("&modelId={}", known.model.id),
                "&modelName=base".to_owned(),
                format!("&manifestId={}", known.image.manifest_id),
                "&manifestName=base".to_owned(),
                format!("&imageId={}", known.image.id),
                "&computeResourceId=here".to_owned(),
                format!("&modelName=base&computeResourceId=here&imageId={}", known.image.id),
            ],
            words: SERVICE_WORDS,
            orders: &["", "createdAt", "name", "name desc", "updatedAt", "updatedAt desc", "state"],
        },
        List {
            name: "manifests",
            path: account.manifests(),
            filters: vec![String::new(), format!("&modelId={}", known.model.id)],
            words: &["", "b", "base"],
            orders: keyed,
        },
        List {
            name: "images",
            path: account.images(),
            filters: vec![String::new(), format!("&manifestId={}", known.image.manifest_id)],
            words: &["", "b", "base"],
            orders: keyed,
        },
        List {
            name: "operations",
            path: account.operations(),
            filters: filters(&[
                "",
                "&state=Succeeded",
                "&operationType=Service",
                "&state=Succeeded&operationType=Service",
                "&state=Failed",
            ]),
            words: &[""],
            orders: &["", "createdAt", "state", "state desc"],
        },
        List {
            name: "deployments",
            path: account.deployments(),
            filters: vec![String::new(), format!("&serviceId={}", known.service_id)],
            words: &[""],
            orders: &["", "createdAt", "name", "name desc", "state"],
        },
    ]
}

async fn time(client: &Client, path: &str, rounds: usize) -> Duration {
    client.get(path).await.expect(200);
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        client.get(path).await.expect(200);
        times.push(began.elapsed());
    }
    times.sort();
    times[rounds / 2]
}
