//! Text: joining strings and taking them apart.

use crate::number::STRING;
use crate::tensor::walk;
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.StringConcat" => concat,
    "ai.onnx.StringSplit" => split,
}

fn concat(node: &Node) -> Done {
    let (a, b) = (node.input(0)?, node.input(1)?);
    if a.kind != STRING || b.kind != STRING {
        return Err(Failure::Unsupported);
    }
    let dims = a.dims().joined(&b.dims())?;
    let count = dims.count()?;
    let strides = [a.dims().broadcast_strides(&dims)?, b.dims().broadcast_strides(&dims)?];
    // Begin and end of each joined string.
    let spans = node.room::<(usize, usize)>(count)?;
    let mut total = 0_usize;
    walk(&dims, [&strides[0], &strides[1]], |[at, bt]| {
        total = total.saturating_add(a.string(at).len()).saturating_add(b.string(bt).len());
    });
    let letters = node.room::<u8>(total)?;
    let (mut place, mut end) = (0, 0);
    walk(&dims, [&strides[0], &strides[1]], |[at, bt]| {
        let begin = end;
        for part in [a.string(at), b.string(bt)] {
            letters[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        spans[place] = (begin, end);
        place += 1;
    });
    let (spans, letters) = (&*spans, &*letters);
    node.output_text(0, dims, |place| {
        let (begin, end) = spans[place];
        &letters[begin..end]
    })
}

fn split(node: &Node) -> Done {
    let x = node.input(0)?;
    if x.kind != STRING {
        return Err(Failure::Unsupported);
    }
    let delimiter = node.text("delimiter", "");
    let most = match node.ints("maxsplit").and_then(|values| values.first()) {
        Some(most) => usize::try_from(*most).map_err(|_| Failure::Unacceptable)?,
        None => usize::MAX,
    };
    let count = x.count();
    let mut longest = 0;
    let counts = node.output::<i64>(1, x.dims())?;
    for (index, slot) in counts.iter_mut().enumerate() {
        let mut parts = 0;
        pieces(x.string(index), delimiter, most, |_, _| parts += 1);
        *slot = parts as i64;
        longest = longest.max(parts);
    }
    let mut dims = x.dims();
    dims.push(longest)?;
    let spans = node.room::<(usize, usize)>(dims.count()?)?;
    for index in 0..count {
        let mut place = index * longest;
        pieces(x.string(index), delimiter, most, |begin, end| {
            spans[place] = (begin, end);
            place += 1;
        });
    }
    let spans = &*spans;
    node.output_text(0, dims, |place| {
        let (begin, end) = spans[place];
        &x.string(place / longest)[begin..end]
    })
}

/// Begin and end of each part of `text`, cut at most `most` times. Without a delimiter parts lie
/// between spaces, and none is empty.
fn pieces(text: &[u8], delimiter: &[u8], most: usize, mut part: impl FnMut(usize, usize)) {
    let (mut begin, mut cuts) = (0, 0);
    if delimiter.is_empty() {
        let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
        loop {
            while text.get(begin).is_some_and(is_space) {
                begin += 1;
            }
            if begin == text.len() {
                return;
            }
            let mut end = begin;
            while end < text.len() && (cuts == most || !is_space(&text[end])) {
                end += 1;
            }
            if cuts == most {
                // The rest is one part, with the spaces behind it.
                part(begin, end);
                return;
            }
            part(begin, end);
            (begin, cuts) = (end, cuts + 1);
        }
    }
    if text.is_empty() {
        return;
    }
    let mut at = 0;
    while at + delimiter.len() <= text.len() && cuts < most {
        if text[at..].starts_with(delimiter) {
            part(begin, at);
            at += delimiter.len();
            (begin, cuts) = (at, cuts + 1);
        } else {
            at += 1;
        }
    }
    part(begin, text.len());
}
