//! What surrounds a score: processor time of the server, per request on one warm connection.
//!
//! The server's own time (user and system, all threads) is read before and after the load, so neither
//! the load generator nor other programs are in the figures. A bare axum route that answers a constant
//! shows what reading, routing and writing a request cost anybody.

use std::fs;

use serde_json::json;
use tests::fixtures;

use crate::{
    http::{self, Target},
    machine::median,
};

const ROUNDS: usize = 3;
/// The kernel counts processor time in hundredths of a second, whatever its own tick is.
const MICROS_A_TICK: f64 = 10_000.0;

/// Prints the table; `seconds` of load for each line and round.
pub(crate) fn measure(seconds: u32) {
    let (mut ours, mut bare) = (http::ours(), http::expert());
    let score = std::mem::take(&mut ours.url);
    let service = score.trim_end_matches("/score").to_owned();
    bare.url = bare.url.trim_end_matches("score").to_owned();
    let body = json!({ "data": [&fixtures::rows("breast_cancer")[..30]] }).to_string();

    let mut rounds: [Vec<f64>; 3] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(micros_a_request(&bare, "", seconds));
        ours.url.clone_from(&service);
        rounds[1].push(micros_a_request(&ours, "", seconds));
        ours.url.clone_from(&score);
        rounds[2].push(micros_a_request(&ours, &body, seconds));
    }
    let [bare, health, score] = rounds.map(median);
    println!("| one request on a warm connection | processor time | beyond bare axum |");
    println!("|---|--:|--:|");
    println!("| bare axum, a constant | {bare:.1} µs | |");
    println!(
        "| ids, host check, folding, key, routing, headers, log | {health:.1} µs | **{:.1} µs** |",
        health - bare
    );
    println!("| the same, and one row through 50 trees | {score:.1} µs | {:.1} µs |", score - bare);
    println!();
}

fn micros_a_request(target: &Target, body: &str, seconds: u32) -> f64 {
    let before = ticks(target.id());
    let load = http::press(target, body, 1, seconds);
    (ticks(target.id()) - before) * MICROS_A_TICK / load.requests
}

/// User and system time of a process, all threads together.
fn ticks(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field, the program's name, is in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()
}
