//! Products of matrices, sums of products, determinants.

use crate::number::{DOUBLE, Element, Number};
use crate::tensor::{Dims, MAX_RANK, walk};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.Det" => determinant,
    "ai.onnx.Einsum" => einsum,
    "ai.onnx.Gemm" => gemm,
    "ai.onnx.MatMul" => matmul,
}

/// `y[m, n] = a[m, k] · b[k, n]` by strides.
///
/// Products of narrower floats are exact in double precision, and their sums lose nothing that counts. Doubles
/// are summed with what rounding takes from them: the kernels of Gaussian processes cancel all but their last digits.
pub(crate) fn multiply<T: Number>(
    (a, a_row, a_step): (&[T], usize, usize),
    (b, b_step, b_column): (&[T], usize, usize),
    y: &mut [T],
    [m, k, n]: [usize; 3],
) {
    for row in 0..m {
        for column in 0..n {
            let Some(slot) = y.get_mut(row * n + column) else { return };
            let factors = (0..k)
                .map(|step| (a[row * a_row + step * a_step], b[step * b_step + column * b_column]));
            *slot = if T::KIND == DOUBLE {
                let mut sum = Sum::default();
                factors.for_each(|(a, b)| sum.add(a.to_f64(), b.to_f64()));
                T::from_f64(sum.value())
            } else if T::IS_FLOAT {
                // From 0: the library's sum begins at -0, which a product without factors would answer.
                T::from_f64(factors.fold(0.0, |sum, (a, b)| sum + a.to_f64() * b.to_f64()))
            } else {
                factors.fold(T::default(), |sum, (a, b)| sum.add(a.mul(b)))
            };
        }
    }
}

/// A sum of products, and beside it what rounding took: as if it were summed in twice the precision.
#[derive(Default)]
struct Sum {
    rounded: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, a: f64, b: f64) {
        // The halves of a factor have products that are exact (Dekker); so has a sum its remainder (Knuth).
        let halves = |x: f64| {
            let high = x * 134_217_729.0;
            let high = high - (high - x);
            (high, x - high)
        };
        let ((a_high, a_low), (b_high, b_low)) = (halves(a), halves(b));
        let product = a * b;
        let of_product =
            a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low);
        let sum = self.rounded + product;
        let part = sum - self.rounded;
        let of_sum = (self.rounded - (sum - part)) + (product - part);
        self.rounded = sum;
        self.lost += of_product + of_sum;
    }

    fn value(&self) -> f64 {
        // Halves of what is nearly infinite are.
        if self.lost.is_finite() { self.rounded + self.lost } else { self.rounded }
    }
}

fn matmul(node: &Node) -> Done {
    let (a, b) = (node.input(0)?, node.input(1)?);
    if a.kind != b.kind {
        return Err(Failure::Unsupported);
    }
    let (mut left, mut right) = (a.dims(), b.dims());
    if left.is_empty() || right.is_empty() {
        return Err(Failure::Unacceptable);
    }
    // A vector is a row on the left and a column on the right, and the axis goes again.
    let (is_row, is_column) = (left.len() == 1, right.len() == 1);
    if is_row {
        left.insert(0, 1)?;
    }
    if is_column {
        right.push(1)?;
    }
    let (l, r) = (left.len(), right.len());
    let (m, k, n) = (left[l - 2], left[l - 1], right[r - 1]);
    if right[r - 2] != k {
        return Err(Failure::Unacceptable);
    }
    let (left, right) = (Dims::of(&left[..l - 2])?, Dims::of(&right[..r - 2])?);
    let outer = left.joined(&right)?;
    let mut dims = outer;
    if !is_row {
        dims.push(m)?;
    }
    if !is_column {
        dims.push(n)?;
    }
    let strides = [left.broadcast_strides(&outer)?, right.broadcast_strides(&outer)?];
    numbers!(a.kind; T => {
        let (a, b) = (a.as_slice::<T>(), b.as_slice::<T>());
        let y = node.output::<T>(0, dims)?;
        let mut start = 0;
        walk(&outer, [&strides[0], &strides[1]], |[at, bt]| {
            if m * n > 0 {
                let (a, b) = (&a[at * m * k..], &b[bt * k * n..]);
                multiply((a, k, 1), (b, n, 1), &mut y[start..start + m * n], [m, k, n]);
            }
            start += m * n;
        });
        Ok(())
    })
}

fn gemm(node: &Node) -> Done {
    let (a, b) = (node.input(0)?, node.input(1)?);
    let (turn_a, turn_b) = (node.flag("transA", false), node.flag("transB", false));
    let (alpha, beta) = (f64::from(node.float("alpha", 1.0)), f64::from(node.float("beta", 1.0)));
    let (left, right) = (a.dims(), b.dims());
    let (&[a0, a1], &[b0, b1]) = (&*left, &*right) else { return Err(Failure::Unacceptable) };
    let (m, k) = if turn_a { (a1, a0) } else { (a0, a1) };
    let (inner, n) = if turn_b { (b1, b0) } else { (b0, b1) };
    if inner != k || a.kind != b.kind {
        return Err(Failure::Unacceptable);
    }
    let dims = Dims::of(&[m, n])?;
    numbers!(a.kind; T => {
        let y = node.output::<T>(0, dims)?;
        let left = if turn_a { (a.as_slice(), 1, a1) } else { (a.as_slice(), a1, 1) };
        let right = if turn_b { (b.as_slice(), 1, b1) } else { (b.as_slice(), b1, 1) };
        multiply(left, right, y, [m, k, n]);
        let c = node.optional(2);
        let strides = c.map_or(Ok([0; MAX_RANK]), |c| c.dims().broadcast_strides(&dims))?;
        let addends = c.map_or(Ok(&[][..]), |c| c.slice::<T>())?;
        let mut slots = y.iter_mut();
        walk(&dims, [&strides], |[at]| {
            if let Some(slot) = slots.next() {
                let addend = addends.get(at).map_or(0.0, |addend| addend.to_f64());
                if T::IS_FLOAT || alpha != 1.0 || beta != 1.0 {
                    *slot = T::from_f64(alpha * slot.to_f64() + beta * addend);
                } else if let Some(addend) = addends.get(at) {
                    *slot = slot.add(*addend);
                }
            }
        });
        Ok(())
    })
}

/// Letters that an equation may use; an ellipsis stands for up to eight more.
const LETTERS: usize = 64;

/// Axes of one term, by letter; digits stand for the axes of an ellipsis, counted from the right.
struct Term {
    axes: [u8; MAX_RANK],
    rank: usize,
}

fn term(text: &[u8], rank: Option<usize>, ellipsis: usize) -> Result<Term, Failure> {
    let mut term = Term { axes: [0; MAX_RANK], rank: 0 };
    let letters = text.iter().filter(|letter| letter.is_ascii_alphabetic()).count();
    let mut put = |letter: u8| -> Result<(), Failure> {
        *term.axes.get_mut(term.rank).ok_or(Failure::Unsupported)? = letter;
        term.rank += 1;
        Ok(())
    };
    let mut rest = text;
    while let Some(letter) = rest.first() {
        if let Some(after) = rest.strip_prefix(b"...") {
            let own = match rank {
                Some(rank) => rank.checked_sub(letters).ok_or(Failure::Unacceptable)?,
                None => ellipsis,
            };
            for place in (0..own).rev() {
                put(place as u8)?;
            }
            rest = after;
            continue;
        }
        if letter.is_ascii_alphabetic() {
            put(*letter)?;
        } else if *letter != b' ' {
            return Err(Failure::Unsupported);
        }
        rest = &rest[1..];
    }
    if rank.is_some_and(|rank| rank != term.rank) {
        return Err(Failure::Unacceptable);
    }
    Ok(term)
}

fn slot_of(letter: u8) -> usize {
    // Eight places for an ellipsis, then the letters of both cases.
    match letter {
        b'a'..=b'z' => 8 + usize::from(letter - b'a'),
        b'A'..=b'Z' => 34 + usize::from(letter - b'A'),
        place => usize::from(place.min(7)),
    }
}

/// At most so many operands.
const OPERANDS: usize = 4;

fn einsum(node: &Node) -> Done {
    let equation = node.text("equation", "");
    let mut halves = equation.split(|letter| *letter == b'>');
    let left = halves.next().unwrap_or_default();
    let left = left.strip_suffix(b"-").unwrap_or(left);
    let given = halves.next();
    let count = node.input_count();
    if count == 0 || count > OPERANDS || left.split(|letter| *letter == b',').count() != count {
        return Err(Failure::Unsupported);
    }

    // The size of each letter's axis, and how far each operand moves along it.
    let mut sizes = [0_usize; LETTERS];
    let mut seen = [0_usize; LETTERS];
    let mut steps = [[0_usize; LETTERS]; OPERANDS];
    let mut ellipsis = 0;
    for (operand, text) in left.split(|letter| *letter == b',').enumerate() {
        let x = node.input(operand)?;
        let (dims, strides) = (x.dims(), x.dims().strides());
        let term = term(text, Some(dims.len()), 0)?;
        for axis in 0..term.rank {
            let slot = slot_of(term.axes[axis]);
            if slot < 8 {
                ellipsis = ellipsis.max(slot + 1);
            }
            seen[slot] += 1;
            match (sizes[slot], dims[axis]) {
                (known, dim) if known == dim || seen[slot] == 1 => sizes[slot] = dim,
                (1, dim) => sizes[slot] = dim,
                (_, 1) => continue,
                _ => return Err(Failure::Unacceptable),
            }
            if dims[axis] != 1 {
                steps[operand][slot] += strides[axis];
            }
        }
    }
    let mut order = [0_usize; LETTERS];
    let (mut outputs, mut dims) = (0, Dims::SCALAR);
    let push = |slot: usize, order: &mut [usize; LETTERS], outputs: &mut usize, dims: &mut Dims| {
        order[*outputs] = slot;
        *outputs += 1;
        dims.push(sizes[slot])
    };
    match given {
        Some(text) => {
            let term = term(text, None, ellipsis)?;
            for axis in 0..term.rank {
                push(slot_of(term.axes[axis]), &mut order, &mut outputs, &mut dims)?;
            }
        }
        // Without a right side: the ellipsis, then the letters that occur once, in their order.
        None => {
            for slot in (0..ellipsis).rev() {
                push(slot, &mut order, &mut outputs, &mut dims)?;
            }
            for slot in (34..60).chain(8..34).filter(|slot| seen[*slot] == 1) {
                push(slot, &mut order, &mut outputs, &mut dims)?;
            }
        }
    }
    let mut summed = Dims::SCALAR;
    let mut sum_order = [0_usize; MAX_RANK];
    for slot in 0..LETTERS {
        if seen[slot] > 0 && !order[..outputs].contains(&slot) {
            sum_order[summed.len().min(MAX_RANK - 1)] = slot;
            summed.push(sizes[slot])?;
        }
    }
    let by_order = |order: &[usize]| -> [[usize; MAX_RANK]; OPERANDS] {
        let mut strides = [[0; MAX_RANK]; OPERANDS];
        for (operand, strides) in strides.iter_mut().enumerate() {
            for (stride, slot) in strides.iter_mut().zip(order) {
                *stride = steps[operand][*slot];
            }
        }
        strides
    };
    let (outer, inner) = (by_order(&order[..outputs]), by_order(&sum_order[..summed.len()]));
    let kind = node.input(0)?.kind;
    numbers!(kind; T => {
        let mut values: [&[T]; OPERANDS] = [&[]; OPERANDS];
        for (operand, values) in values.iter_mut().enumerate().take(count) {
            *values = node.input(operand)?.slice::<T>()?;
        }
        let y = node.output::<T>(0, dims)?;
        let mut slots = y.iter_mut();
        walk(&dims, [&outer[0], &outer[1], &outer[2], &outer[3]], |base| {
            let mut sum = T::default();
            let mut exact = 0.0;
            walk(&summed, [&inner[0], &inner[1], &inner[2], &inner[3]], |at| {
                let mut product = T::ONE;
                let mut wide = 1.0;
                for operand in 0..count {
                    let value = values[operand][base[operand] + at[operand]];
                    if T::IS_FLOAT { wide *= value.to_f64() } else { product = product.mul(value) }
                }
                if T::IS_FLOAT { exact += wide } else { sum = sum.add(product) }
            });
            if let Some(slot) = slots.next() {
                *slot = if T::IS_FLOAT { T::from_f64(exact) } else { sum };
            }
        });
        Ok(())
    })
}

fn determinant(node: &Node) -> Done {
    let x = node.input(0)?;
    let [ref outer @ .., rows, columns] = *x.dims() else { return Err(Failure::Unacceptable) };
    if rows != columns {
        return Err(Failure::Unacceptable);
    }
    let dims = Dims::of(outer)?;
    floats!(x.kind; T => {
        let y = node.output::<T>(0, dims)?;
        let matrix = node.room::<f64>(rows * rows)?;
        for (y, values) in y.iter_mut().zip(x.as_slice::<T>().chunks(rows * rows)) {
            for (slot, value) in matrix.iter_mut().zip(values) {
                *slot = value.to_f64();
            }
            *y = T::from_f64(eliminate(matrix, rows));
        }
        Ok(())
    })
}

/// The determinant, by elimination with the largest pivot of each column.
fn eliminate(matrix: &mut [f64], rows: usize) -> f64 {
    let mut product = 1.0;
    for column in 0..rows {
        let mut pivot = column;
        for row in column + 1..rows {
            if matrix[row * rows + column].abs() > matrix[pivot * rows + column].abs() {
                pivot = row;
            }
        }
        if pivot != column {
            for at in 0..rows {
                matrix.swap(pivot * rows + at, column * rows + at);
            }
            product = -product;
        }
        let value = matrix[column * rows + column];
        product *= value;
        if value == 0.0 {
            return 0.0;
        }
        for row in column + 1..rows {
            let factor = matrix[row * rows + column] / value;
            for at in column..rows {
                matrix[row * rows + at] -= factor * matrix[column * rows + at];
            }
        }
    }
    product
}
