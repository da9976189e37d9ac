//! Words: left out, changed in case, counted, hashed.

use core::cmp::Ordering;

use crate::murmur::murmur;
use crate::number::{Element, STRING};
use crate::tensor::{Dims, Tensor};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.StringNormalizer" => normalize,
    "ai.onnx.TfIdfVectorizer" => count_runs,
    "com.microsoft.MurmurHash3" => hash,
}

/// The letters of a text in the other case, one after another.
fn letters(text: &[u8], upper: Option<bool>) -> impl Iterator<Item = char> {
    let text = core::str::from_utf8(text).unwrap_or("");
    text.chars().flat_map(move |letter| {
        let (mut up, mut low, mut same) = (None, None, None);
        match upper {
            Some(true) => up = Some(letter.to_uppercase()),
            Some(false) => low = Some(letter.to_lowercase()),
            None => same = Some(letter),
        }
        up.into_iter().flatten().chain(low.into_iter().flatten()).chain(same)
    })
}

/// Leaves out words and changes the case of the others; where none is left there is one empty text.
fn normalize(node: &Node) -> Done {
    let x = node.input(0)?;
    let rows = match *x.dims() {
        [_] => 1,
        [1, _] => 2,
        _ => return Err(Failure::Unacceptable),
    };
    if x.kind != STRING {
        return Err(Failure::Unsupported);
    }
    let upper = match node.text("case_change_action", "NONE") {
        b"NONE" => None,
        b"UPPER" => Some(true),
        b"LOWER" => Some(false),
        _ => return Err(Failure::Unsupported),
    };
    let stopwords = node.texts("stopwords");
    let case = if node.flag("is_case_sensitive", false) { None } else { Some(false) };
    let stays = |word: &[u8]| {
        stopwords.is_none_or(|stopwords| {
            (0..stopwords.count())
                .all(|index| !letters(stopwords.string(index), case).eq(letters(word, case)))
        })
    };
    let kept = node.room::<usize>(x.count())?;
    let (mut count, mut bytes) = (0, 0_usize);
    for index in 0..x.count() {
        if stays(x.string(index)) {
            kept[count] = index;
            count += 1;
            bytes += letters(x.string(index), upper).map(char::len_utf8).sum::<usize>();
        }
    }
    let text = node.room::<u8>(bytes)?;
    let ends = node.room::<usize>(count + 1)?;
    let mut end = 0;
    for (slot, index) in kept[..count].iter().enumerate() {
        for letter in letters(x.string(*index), upper) {
            end += letter.encode_utf8(&mut text[end..]).len();
        }
        ends[slot + 1] = end;
    }
    let (text, ends) = (&*text, &*ends);
    let mut dims = Dims::filled(rows, 1)?;
    dims[rows - 1] = count.max(1);
    node.output_text(0, dims, |place| match count {
        0 => &[],
        _ => &text[ends[place]..ends[place + 1]],
    })
}

/// The words that runs are made of: text or whole numbers.
struct Pool<'a> {
    texts: Option<&'a Tensor>,
    numbers: &'a [i64],
}

impl Pool<'_> {
    /// Whether a word of the pool is an element of the input.
    fn is(&self, word: usize, x: &Tensor, at: usize) -> bool {
        match self.texts {
            Some(texts) => texts.string(word).cmp(x.string(at)) == Ordering::Equal,
            None => x.integer(at).is_ok_and(|number| self.numbers.get(word) == Some(&number)),
        }
    }

    fn len(&self) -> usize {
        self.texts.map_or(self.numbers.len(), Tensor::count)
    }
}

fn count_runs(node: &Node) -> Done {
    let x = node.input(0)?;
    let (rows, words) = match *x.dims() {
        [words] => (None, words),
        [rows, words] => (Some(rows), words),
        _ => return Err(Failure::Unacceptable),
    };
    let texts = node.texts("pool_strings").filter(|texts| texts.count() > 0);
    let pool = Pool { texts, numbers: node.ints("pool_int64s").unwrap_or(&[]) };
    if pool.texts.is_some() != x.is_text() {
        return Err(Failure::Unsupported);
    }
    let list = |name: &str| node.ints(name).ok_or(Failure::Unsupported);
    let (starts, columns) = (list("ngram_counts")?, list("ngram_indexes")?);
    let weights = node.floats("weights").unwrap_or(&[]);
    let setting = |name: &str, other: i64| {
        usize::try_from(node.int(name, other)).map_err(|_| Failure::Unsupported)
    };
    let (shortest, longest) = (setting("min_gram_length", 1)?, setting("max_gram_length", 1)?);
    let skips = setting("max_skip_count", 0)?;
    let width = columns.iter().copied().max().unwrap_or(-1) + 1;
    let width = usize::try_from(width).map_err(|_| Failure::Unsupported)?;
    let (counts_words, weighs) = match node.text("mode", "TF") {
        b"TF" => (true, false),
        b"IDF" => (false, true),
        b"TFIDF" => (true, true),
        _ => return Err(Failure::Unsupported),
    };
    let dims = match rows {
        Some(rows) => Dims::of(&[rows, width])?,
        None => Dims::of(&[width])?,
    };
    let y = node.output::<f32>(0, dims)?;
    let rows = rows.unwrap_or(1);
    let mut first_run = 0;
    for length in 1..=starts.len().min(longest) {
        let begin = usize::try_from(starts[length - 1]).map_err(|_| Failure::Unsupported)?;
        let end = match starts.get(length) {
            Some(end) => usize::try_from(*end).map_err(|_| Failure::Unsupported)?,
            None => pool.len(),
        };
        if end < begin || end > pool.len() {
            return Err(Failure::Unsupported);
        }
        let runs = (end - begin) / length;
        // Single words skip nothing.
        let skips = if length == 1 { 0 } else { skips };
        for row in (0..rows).filter(|_| length >= shortest) {
            for skip in 0..=skips {
                let reach = (length - 1) * (skip + 1);
                for at in (0..words.saturating_sub(reach)).map(|at| row * words + at) {
                    let found = (0..runs).find(|run| {
                        (0..length).all(|word| {
                            pool.is(begin + run * length + word, x, at + word * (skip + 1))
                        })
                    });
                    if let Some(run) = found {
                        let column = *columns.get(first_run + run).ok_or(Failure::Unsupported)?;
                        y[row * width + column as usize] += 1.0;
                    }
                }
            }
        }
        first_run += runs;
    }
    for row in y.chunks_exact_mut(width.max(1)) {
        if !counts_words {
            row.iter_mut().for_each(|count| *count = count.min(1.0));
        }
        if weighs {
            for (column, weight) in columns.iter().zip(weights) {
                // The i-th weight is that of the i-th run.
                row[*column as usize] *= weight;
            }
        }
    }
    Ok(())
}

/// MurmurHash3 (x86, 32 bits) of texts, or of the bytes of numbers.
fn hash(node: &Node) -> Done {
    let x = node.input(0)?;
    let seed = node.int("seed", 0) as u32;
    let of = |index: usize| -> Result<u32, Failure> {
        if x.is_text() {
            return Ok(murmur(x.string(index), seed));
        }
        elements!(x.kind; T => {
            let bits = x.as_slice::<T>()[index];
            let bytes = unsafe {
                core::slice::from_raw_parts((&raw const bits).cast::<u8>(), size_of::<T>())
            };
            Ok(murmur(bytes, seed))
        })
    };
    if node.flag("positive", true) {
        let y = node.output::<u32>(0, x.dims())?;
        for (index, y) in y.iter_mut().enumerate() {
            *y = of(index)?;
        }
    } else {
        let y = node.output::<i32>(0, x.dims())?;
        for (index, y) in y.iter_mut().enumerate() {
            *y = <i32 as Element>::from_i64(of(index)?.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_may_become_more_than_one() {
        let upper: String = letters("straße".as_bytes(), Some(true)).collect();

        assert_eq!(upper, "STRASSE");
    }
}
