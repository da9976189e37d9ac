//! Every page of every list: filters, words, orders, places and totals in every combination.

use std::time::Duration;

use shared::{Image, Model, paths};
use tests::Client;

use super::clock::Clock;

/// What a page may take: processor time of all threads of the server, at best. What else the machine
/// does only adds to it, and to the time on the clock even more.
const GOAL: Duration = Duration::from_millis(20);
/// Requests for each page.
const ROUNDS: usize = 3;
/// Requests for a page that was above the goal each time.
const MORE_ROUNDS: usize = 12;

/// What filters can name, and how much there is.
pub(super) struct Known {
    pub(super) model: Model,
    pub(super) image: Image,
    pub(super) service_id: String,
    pub(super) models: usize,
    pub(super) services: usize,
}

/// A list with what it can be asked.
struct List {
    name: &'static str,
    path: String,
    rows: usize,
    filters: Vec<String>,
    words: &'static [&'static str],
    orders: &'static [&'static str],
}

/// All pages of a list that look for one word.
#[derive(Default)]
struct Measured {
    pages: usize,
    elapsed: Vec<Duration>,
    busy: Vec<Duration>,
    /// The page whose best took most.
    dearest: (Duration, String),
    /// Pages whose best was above the goal.
    over: Vec<String>,
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

/// Measures all of them and prints a line for each list and word; pages above the goal are added to
/// `missed`.
pub(super) async fn measure(
    client: &Client,
    clock: &Clock,
    known: &Known,
    missed: &mut Vec<String>,
) {
    println!(
        "Pages, each asked for {ROUNDS} times one after another: all filters, orders and places, \
         with and without a total. `p50` and `p95` are as a caller on the same machine sees them, \
         other programs included; the goal of {GOAL:?} is for the processor time that the server \
         takes, at its best.\n"
    );
    println!("| list | `search` | pages | p50 | p95 | processor, p50 | p95 | dearest page |");
    println!("|---|---|--:|--:|--:|--:|--:|---|");
    for list in lists(client, known) {
        for word in list.words {
            let mut measured = Measured::default();
            for query in list.queries(word) {
                let path = format!("{}{query}", paths::versioned(&list.path));
                let next = measured.page(client, clock, &path, &query).await;
                if let Some(next) = next.filter(|_| query.contains("$skip=")) {
                    let query = format!("{query} and what follows");
                    measured.page(client, clock, &next, &query).await;
                }
            }
            measured.print(list.name, word);
            missed.extend(measured.over.iter().map(|page| format!("{}{page}", list.name)));
        }
    }
    println!();
}

impl Measured {
    /// Asks for a page some times. Gives the link to the next.
    async fn page(
        &mut self,
        client: &Client,
        clock: &Clock,
        path: &str,
        query: &str,
    ) -> Option<String> {
        let mut best = Duration::MAX;
        let mut next = None;
        for round in 0..MORE_ROUNDS {
            if round >= ROUNDS && best <= GOAL {
                break;
            }
            let (answer, times) = clock.time(client.get(path)).await;
            let answer = answer.expect(200);
            if round == 0 {
                next = answer.value()["nextLink"].as_str().map(str::to_owned);
            }
            best = best.min(times.busy);
            self.elapsed.push(times.elapsed);
            self.busy.push(times.busy);
        }
        if best > GOAL {
            self.over.push(format!("{query}: {best:.1?}"));
        }
        self.pages += 1;
        self.dearest = (best, query.to_owned()).max(std::mem::take(&mut self.dearest));
        next
    }

    fn print(&mut self, list: &str, word: &str) {
        self.elapsed.sort();
        self.busy.sort();
        let (best, query) = &self.dearest;
        let query = query.split_once('&').map_or("", |(_, query)| query);
        println!(
            "| {list} | {} | {} | {:.1?} | {:.1?} | {:.1?} | {:.1?} | {best:.1?} `{query}` |",
            if word.is_empty() { String::new() } else { format!("`{word}`") },
            self.pages,
            self.elapsed[self.elapsed.len() / 2],
            self.elapsed[self.elapsed.len() * 95 / 100],
            self.busy[self.busy.len() / 2],
            self.busy[self.busy.len() * 95 / 100],
        );
    }
}

impl List {
    /// The first page, one in the middle and a full one, each with and without a total.
    fn queries(&self, word: &str) -> Vec<String> {
        let mut queries = Vec::new();
        let middle = format!("&$skip={}", self.rows / 2);
        for filter in &self.filters {
            for order in self.orders {
                for place in ["", &middle, "&count=1000"] {
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
        queries
    }
}

fn lists(client: &Client, known: &Known) -> Vec<List> {
    let account = &client.account;
    let filters = |filters: &[&str]| filters.iter().map(|filter| (*filter).to_owned()).collect();
    // `updatedAt` is the same index as `createdAt`.
    let keyed = &["", "createdAt", "name", "name desc", "version", "version desc"];
    vec![
        List {
            name: "models",
            path: account.models(),
            rows: known.models,
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
            rows: known.services,
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
            rows: 0,
            filters: vec![String::new(), format!("&modelId={}", known.model.id)],
            words: &["", "b", "base"],
            orders: keyed,
        },
        List {
            name: "images",
            path: account.images(),
            rows: 0,
            filters: vec![String::new(), format!("&manifestId={}", known.image.manifest_id)],
            words: &["", "b", "base"],
            orders: keyed,
        },
        List {
            name: "operations",
            path: account.operations(),
            rows: known.services,
            filters: vec![
                String::new(),
                "&state=Succeeded".to_owned(),
                "&operationType=Service".to_owned(),
                "&state=Succeeded&operationType=Service".to_owned(),
                "&state=Failed".to_owned(),
                format!("&resourceId={}", known.service_id),
                format!("&resourceId={}&state=Succeeded", known.service_id),
            ],
            words: &[""],
            orders: &["", "createdAt", "state", "state desc"],
        },
        List {
            name: "deployments",
            path: account.deployments(),
            rows: known.services,
            filters: vec![String::new(), format!("&serviceId={}", known.service_id)],
            words: &[""],
            orders: &["", "createdAt", "name", "name desc", "state"],
        },
    ]
}
