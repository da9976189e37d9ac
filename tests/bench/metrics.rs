//! What it costs to count a scoring call: its four stages, its whole time and its outcome.

use std::{sync::Barrier, time::Instant};

use control::{Meter, Outcome, Stage};

use crate::machine::median;

const CALLS: u32 = 1_000_000;
const ROUNDS: usize = 5;

/// Prints the time per call for one thread alone and for one on every core.
pub(crate) fn measure() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("| threads that count calls of one service | time a call |");
    println!("|--:|--:|");
    for threads in [1, cores] {
        let rounds: Vec<f64> = (0..ROUNDS).map(|_| nanoseconds(threads)).collect();
        println!("| {threads} | {:.0} ns |", median(rounds));
    }
    println!();
}

/// Nanoseconds of one call, clocks included, where `threads` count at the same time.
fn nanoseconds(threads: usize) -> f64 {
    let (meter, start) = (Meter::default(), Barrier::new(threads));
    let times: Vec<f64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let began = Instant::now();
                    (0..CALLS).for_each(|_| count(&meter));
                    began.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    times.iter().sum::<f64>() / times.len() as f64
}

fn count(meter: &Meter) {
    let mut call = meter.begin();
    call.received();
    call.passed(Stage::Parse);
    call.passed(Stage::Queue);
    call.passed(Stage::Run);
    call.passed(Stage::Encode);
    call.end(Outcome::Answered);
}
