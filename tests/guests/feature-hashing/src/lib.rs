//! Turns text into counts: hashes each word and each pair of neighbouring words into a column.
//!
//! An example of a scorer that no model was compiled into. Words are what white space separates,
//! hashed with MurmurHash3 (x86, 32 bits, seed 0), case kept; a pair's hash is combined as Vowpal
//! Wabbit does it. The low [`BITS`] bits of a hash are its column.
//!
//! ```sh
//! cargo build --release --target wasm32-unknown-unknown
//! edge-scorer score target/wasm32-unknown-unknown/release/feature_hashing.wasm --input texts.csv
//! ```
//!
//! # Invariants
//! - No imports, no start function: everything happens in the exports of the module contract.
//! - Tensors begin at multiples of 16 bytes, because their buffers are made of [`Block`]s.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Binary logarithm of the number of columns.
const BITS: u32 = 3;
const COLUMNS: usize = 1 << BITS;
/// Vowpal Wabbit's factor for the first word of a pair.
const PAIR: u32 = 27_942_141;

/// What the module takes and gives, in the custom section where the host looks for it.
#[used]
#[unsafe(link_section = "edge-scorer")]
static SIGNATURE: [u8; TEXT.len()] = *TEXT;
const TEXT: &[u8; 220] = br#"{"contract":1,"symbols":[{"name":"rows","min":1,"max":4096}],
"inputs":[{"name":"text","type":"string","shape":["rows"],"example":["This is a good day"]}],
"outputs":[{"name":"counts","type":"int32","shape":["rows",8]}]}"#;
const _: () = assert!(COLUMNS == 8, "the signature says 8 columns");

/// Sixteen bytes, aligned as tensors must be.
#[repr(align(16))]
#[derive(Clone, Copy)]
pub struct Block([u8; 16]);

/// The three buffers of a batch.
struct Batch {
    rows: usize,
    offsets: Vec<Block>,
    text: Vec<u8>,
    counts: Vec<Block>,
}

static BATCH: Mutex<Batch> =
    Mutex::new(Batch { rows: 0, offsets: Vec::new(), text: Vec::new(), counts: Vec::new() });

fn batch() -> MutexGuard<'static, Batch> {
    // There is one thread and panics abort: the lock is always free and never poisoned.
    BATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes room for `rows` texts: 0 = ready, 1 = does not fit, 2 = out of range.
#[unsafe(no_mangle)]
pub extern "C" fn prepare(rows: i32) -> i32 {
    let Ok(rows @ 1..=4096) = usize::try_from(rows) else { return 2 };
    let mut batch = batch();
    batch.rows = rows;
    let (offsets, counts) = ((rows + 1) * 4, rows * COLUMNS * 4);
    let fits = resize(&mut batch.offsets, offsets) && resize(&mut batch.counts, counts);
    i32::from(!fits)
}

fn resize(blocks: &mut Vec<Block>, bytes: usize) -> bool {
    blocks.clear();
    let count = bytes.div_ceil(size_of::<Block>());
    let fits = blocks.try_reserve(count).is_ok();
    if fits {
        blocks.resize(count, Block([0; 16]));
    }
    fits
}

/// Where the texts' offsets go.
#[unsafe(no_mangle)]
pub extern "C" fn input(_index: i32) -> *mut Block {
    batch().offsets.as_mut_ptr()
}

/// Where the texts' bytes go; null when they do not fit.
#[unsafe(no_mangle)]
pub extern "C" fn input_bytes(_index: i32, bytes: u32) -> *mut u8 {
    let mut batch = batch();
    batch.text.clear();
    if batch.text.try_reserve(bytes as usize).is_err() {
        return std::ptr::null_mut();
    }
    batch.text.resize(bytes as usize, 0);
    batch.text.as_mut_ptr()
}

/// Where the counts are.
#[unsafe(no_mangle)]
pub extern "C" fn output(_index: i32) -> *const Block {
    batch().counts.as_ptr()
}

/// Counts; 0 = done, 16 = the host's offsets make no sense.
#[unsafe(no_mangle)]
pub extern "C" fn run() -> i32 {
    let batch = &mut *batch();
    for row in 0..batch.rows {
        let (begin, end) = (number(&batch.offsets, row), number(&batch.offsets, row + 1));
        let text = batch.text.get(begin as usize..end as usize);
        let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok()) else { return 16 };
        let counts = count(text);
        for (column, count) in counts.into_iter().enumerate() {
            write(&mut batch.counts, row * COLUMNS + column, count);
        }
    }
    0
}

/// The counts of one text.
fn count(text: &str) -> [u32; COLUMNS] {
    let mut counts = [0; COLUMNS];
    let mut previous = None;
    for word in text.split_whitespace() {
        let hash = murmur3(word.as_bytes());
        counts[column(hash)] += 1;
        if let Some(previous) = previous {
            counts[column(PAIR.wrapping_mul(previous).wrapping_add(hash))] += 1;
        }
        previous = Some(hash);
    }
    counts
}

fn column(hash: u32) -> usize {
    hash as usize & (COLUMNS - 1)
}

/// MurmurHash3, the x86 variant of 32 bits, with seed 0.
fn murmur3(bytes: &[u8]) -> u32 {
    let mix = |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (blocks, rest) = bytes.as_chunks::<4>();
    let mut hash = 0_u32;
    for block in blocks {
        hash ^= mix(u32::from_le_bytes(*block));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    hash ^= mix(u32::from_le_bytes(last));
    hash ^= bytes.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

fn number(blocks: &[Block], index: usize) -> u32 {
    let (numbers, _) = blocks[index / 4].0.as_chunks::<4>();
    u32::from_le_bytes(numbers[index % 4])
}

fn write(blocks: &mut [Block], index: usize, value: u32) {
    let (numbers, _) = blocks[index / 4].0.as_chunks_mut::<4>();
    numbers[index % 4] = value.to_le_bytes();
}
