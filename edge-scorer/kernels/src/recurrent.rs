//! Recurrent layers: RNN, GRU and LSTM, in both directions, with everything ONNX lets them have.
//!
//! A step multiplies the numbers of every sequence of the batch with one row of the weights before
//! it goes on to the next row, so that weights pass through the cache once a step.
//!
//! # Invariants
//! - An address of 0 means that an optional operand is not there: biases and initial states are
//!   then 0, peepholes do not exist, and every sequence is as long as the longest.
//! - What lies behind the end of a shorter sequence is written as 0.
#![expect(clippy::too_many_arguments, reason = "a plan step passes every size it knows")]

use crate::{
    lanes::{Lanes, kernel, load_first},
    math,
    tile::store_first,
};

/// What a recurrent layer is, as 32-bit numbers of a table of the plan.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Recurrence {
    /// 1: RNN, 3: GRU, 4: LSTM; the number of gates.
    pub gates: u32,
    /// Steps of the longest sequence.
    pub steps: u32,
    /// Sequences.
    pub batch: u32,
    /// Numbers of one step.
    pub input: u32,
    /// Numbers of the state.
    pub hidden: u32,
    /// 0: forward, 1: backward, 2: both.
    pub direction: u32,
    /// 1 if the batch is the first axis of every tensor.
    pub batch_first: u32,
    /// GRU: whether the reset gate comes after the product; LSTM: whether input and forget gate
    /// are coupled.
    pub variant: u32,
    /// Codes of the functions, three for each direction.
    pub functions: [u32; 6],
    /// The functions' first settings.
    pub alpha: [f32; 6],
    /// The functions' second settings.
    pub beta: [f32; 6],
    /// Bound of what goes into a function; 0: none.
    pub clip: f32,
}

kernel! {
    /// `y[steps, directions, batch, hidden]` and the last states, from `x[steps, batch, input]`,
    /// `w[directions, gates · hidden, input]` and `r[directions, gates · hidden, hidden]`.
    ///
    /// `scratch` holds `batch · hidden · (2 · gates + 2)` numbers.
    recurrent_f32, recurrent_f32_relaxed,
    recurrent(x: *const f32, w: *const f32, r: *const f32, bias: *const f32, lengths: *const i32,
              first_h: *const f32, first_c: *const f32, peepholes: *const f32, y: *mut f32,
              last_h: *mut f32, last_c: *mut f32, scratch: *mut f32, shape: *const Recurrence)
}

/// Where the numbers of one direction are.
struct Direction {
    index: usize,
    directions: usize,
    backward: bool,
}

#[inline(always)]
unsafe fn recurrent<L: Lanes>(
    x: *const f32,
    w: *const f32,
    r: *const f32,
    bias: *const f32,
    lengths: *const i32,
    first_h: *const f32,
    first_c: *const f32,
    peepholes: *const f32,
    y: *mut f32,
    last_h: *mut f32,
    last_c: *mut f32,
    scratch: *mut f32,
    shape: *const Recurrence,
) {
    let s = unsafe { &*shape };
    let directions = if s.direction == 2 { 2 } else { 1 };
    let rows = (s.gates * s.hidden) as usize;
    let (input, hidden) = (s.input as usize, s.hidden as usize);
    for index in 0..directions {
        let direction = Direction { index, directions, backward: s.direction == 1 || index == 1 };
        unsafe {
            let offset = |p: *const f32, numbers: usize| match p.is_null() {
                true => p,
                false => p.add(index * numbers),
            };
            one_direction::<L>(
                x,
                w.add(index * rows * input),
                r.add(index * rows * hidden),
                offset(bias, 2 * rows),
                lengths,
                first_h,
                first_c,
                offset(peepholes, 3 * hidden),
                y,
                last_h,
                last_c,
                scratch,
                s,
                &direction,
            );
        }
    }
}

#[inline(always)]
unsafe fn one_direction<L: Lanes>(
    x: *const f32,
    w: *const f32,
    r: *const f32,
    bias: *const f32,
    lengths: *const i32,
    first_h: *const f32,
    first_c: *const f32,
    peepholes: *const f32,
    y: *mut f32,
    last_h: *mut f32,
    last_c: *mut f32,
    scratch: *mut f32,
    s: &Recurrence,
    direction: &Direction,
) {
    let (steps, batch) = (s.steps as usize, s.batch as usize);
    let (input, hidden) = (s.input as usize, s.hidden as usize);
    let rows = s.gates as usize * hidden;
    let Direction { index, directions, backward } = *direction;
    let by_batch = s.batch_first == 1;
    // Of a state `[directions, batch, hidden]` or `[batch, directions, hidden]`.
    let state_at = |sequence: usize| match by_batch {
        true => (sequence * directions + index) * hidden,
        false => (index * batch + sequence) * hidden,
    };
    let result_at = |step: usize, sequence: usize| match by_batch {
        true => ((sequence * steps + step) * directions + index) * hidden,
        false => ((step * directions + index) * batch + sequence) * hidden,
    };
    let input_at = |step: usize, sequence: usize| match by_batch {
        true => (sequence * steps + step) * input,
        false => (step * batch + sequence) * input,
    };
    let length = |sequence: usize| match lengths.is_null() {
        true => steps,
        // A length is what a caller says it is.
        false => unsafe { (lengths.add(sequence).read().max(0) as usize).min(steps) },
    };
    unsafe {
        let from_x = scratch;
        let from_h = from_x.add(batch * rows);
        let h = from_h.add(batch * rows);
        let c = h.add(batch * hidden);
        for sequence in 0..batch {
            for unit in 0..hidden {
                let first = |state: *const f32| match state.is_null() {
                    true => 0.0,
                    false => state.add(state_at(sequence) + unit).read(),
                };
                h.add(sequence * hidden + unit).write(first(first_h));
                c.add(sequence * hidden + unit).write(first(first_c));
            }
        }
        for step in 0..steps {
            for row in 0..rows {
                let [w_bias, r_bias] = match bias.is_null() {
                    true => [0.0; 2],
                    false => [bias.add(row).read(), bias.add(rows + row).read()],
                };
                for sequence in 0..batch {
                    let length = length(sequence);
                    if step >= length {
                        continue;
                    }
                    let at = if backward { length - 1 - step } else { step };
                    let now = dot::<L>(w.add(row * input), x.add(input_at(at, sequence)), input);
                    from_x.add(sequence * rows + row).write(now + w_bias);
                    let before = h.add(sequence * hidden);
                    // The candidate of a GRU looks at what the reset gate lets through.
                    let is_late = s.gates == 3 && s.variant == 0 && row >= 2 * hidden;
                    let before = match is_late {
                        true => 0.0,
                        false => dot::<L>(r.add(row * hidden), before, hidden),
                    };
                    from_h.add(sequence * rows + row).write(before + r_bias);
                }
            }
            for sequence in 0..batch {
                let length = length(sequence);
                if step >= length {
                    if !y.is_null() {
                        y.add(result_at(step, sequence)).write_bytes(0, hidden);
                    }
                    continue;
                }
                let at = if backward { length - 1 - step } else { step };
                let now = from_x.add(sequence * rows);
                let before = from_h.add(sequence * rows);
                let (h, c) = (h.add(sequence * hidden), c.add(sequence * hidden));
                match s.gates {
                    1 => rnn_cell::<L>(now, before, h, s, index),
                    3 => gru_cell::<L>(now, before, h, r, s, index),
                    _ => lstm_cell::<L>(now, before, h, c, peepholes, s, index),
                }
                if !y.is_null() {
                    core::ptr::copy_nonoverlapping(h, y.add(result_at(at, sequence)), hidden);
                }
            }
        }
        for sequence in 0..batch {
            for (state, last) in [(h, last_h), (c, last_c)] {
                if !last.is_null() {
                    let state = state.add(sequence * hidden);
                    core::ptr::copy_nonoverlapping(state, last.add(state_at(sequence)), hidden);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn rnn_cell<L: Lanes>(
    now: *mut f32,
    before: *const f32,
    h: *mut f32,
    s: &Recurrence,
    index: usize,
) {
    let hidden = s.hidden as usize;
    unsafe {
        add(now, before, hidden);
        apply::<L>(now, hidden, s, index * 3);
        core::ptr::copy_nonoverlapping(now, h, hidden);
    }
}

/// Gates in the order update, reset, candidate.
#[inline(always)]
unsafe fn gru_cell<L: Lanes>(
    now: *mut f32,
    before: *mut f32,
    h: *mut f32,
    r: *const f32,
    s: &Recurrence,
    index: usize,
) {
    let hidden = s.hidden as usize;
    unsafe {
        add(now, before, 2 * hidden);
        apply::<L>(now, 2 * hidden, s, index * 3);
        let (reset, candidate) = (now.add(hidden), now.add(2 * hidden));
        let recurrent = before.add(2 * hidden);
        if s.variant == 0 {
            for unit in 0..hidden {
                before.add(unit).write(reset.add(unit).read() * h.add(unit).read());
            }
            for unit in 0..hidden {
                let row = r.add((2 * hidden + unit) * hidden);
                let product = dot::<L>(row, before, hidden);
                recurrent.add(unit).write(recurrent.add(unit).read() + product);
            }
        } else {
            for unit in 0..hidden {
                let value = recurrent.add(unit).read() * reset.add(unit).read();
                recurrent.add(unit).write(value);
            }
        }
        add(candidate, recurrent, hidden);
        apply::<L>(candidate, hidden, s, index * 3 + 1);
        for unit in 0..hidden {
            let update = now.add(unit).read();
            let mixed = (1.0 - update) * candidate.add(unit).read() + update * h.add(unit).read();
            h.add(unit).write(mixed);
        }
    }
}

/// Gates in the order input, output, forget, cell.
#[inline(always)]
unsafe fn lstm_cell<L: Lanes>(
    now: *mut f32,
    before: *const f32,
    h: *mut f32,
    c: *mut f32,
    peepholes: *const f32,
    s: &Recurrence,
    index: usize,
) {
    let hidden = s.hidden as usize;
    unsafe {
        add(now, before, 4 * hidden);
        let [input, output, forget, cell] = [0, 1, 2, 3].map(|gate| now.add(gate * hidden));
        let peep = |gate: *mut f32, hole: usize| {
            if peepholes.is_null() {
                return;
            }
            for unit in 0..hidden {
                let weight = peepholes.add(hole * hidden + unit).read();
                gate.add(unit).write(gate.add(unit).read() + weight * c.add(unit).read());
            }
        };
        peep(input, 0);
        peep(forget, 2);
        apply::<L>(input, hidden, s, index * 3);
        if s.variant == 1 {
            for unit in 0..hidden {
                forget.add(unit).write(1.0 - input.add(unit).read());
            }
        } else {
            apply::<L>(forget, hidden, s, index * 3);
        }
        apply::<L>(cell, hidden, s, index * 3 + 1);
        for unit in 0..hidden {
            let kept = forget.add(unit).read() * c.add(unit).read();
            c.add(unit).write(input.add(unit).read() * cell.add(unit).read() + kept);
        }
        peep(output, 1);
        apply::<L>(output, hidden, s, index * 3);
        core::ptr::copy_nonoverlapping(c, cell, hidden);
        function::<L>(cell, hidden, s, index * 3 + 2);
        for unit in 0..hidden {
            h.add(unit).write(output.add(unit).read() * cell.add(unit).read());
        }
    }
}

#[inline(always)]
unsafe fn add(to: *mut f32, other: *const f32, n: usize) {
    for i in 0..n {
        unsafe { to.add(i).write(to.add(i).read() + other.add(i).read()) };
    }
}

#[inline(always)]
pub(crate) unsafe fn dot<L: Lanes>(a: *const f32, b: *const f32, n: usize) -> f32 {
    unsafe {
        let mut sums = [L::splat(0.0); 4];
        let mut i = 0;
        while i + 16 <= n {
            for (lane, sum) in sums.iter_mut().enumerate() {
                let at = i + 4 * lane;
                *sum = L::load(a.add(at)).mul_add(L::load(b.add(at)), *sum);
            }
            i += 16;
        }
        while i + 4 <= n {
            sums[0] = L::load(a.add(i)).mul_add(L::load(b.add(i)), sums[0]);
            i += 4;
        }
        let [p, q, u, v] = sums[0].add(sums[1]).add(sums[2].add(sums[3])).to_array();
        let mut total = (p + q) + (u + v);
        while i < n {
            total += a.add(i).read() * b.add(i).read();
            i += 1;
        }
        total
    }
}

/// Clips and applies function `which` in place.
#[inline(always)]
unsafe fn apply<L: Lanes>(x: *mut f32, n: usize, s: &Recurrence, which: usize) {
    if s.clip > 0.0 {
        for i in 0..n {
            unsafe { x.add(i).write(x.add(i).read().clamp(-s.clip, s.clip)) };
        }
    }
    unsafe { function::<L>(x, n, s, which) }
}

/// Applies function `which` in place.
#[inline(always)]
unsafe fn function<L: Lanes>(x: *mut f32, n: usize, s: &Recurrence, which: usize) {
    let code = s.functions[which.min(5)];
    let (alpha, beta) = (s.alpha[which.min(5)], s.beta[which.min(5)]);
    if code == 1 || code == 2 {
        let mut i = 0;
        while i < n {
            let left = n - i;
            unsafe {
                let value = load_first::<L>(x.add(i), left);
                let value = if code == 1 { math::tanh(value) } else { math::sigmoid(value) };
                store_first(value, x.add(i), left);
            }
            i += 4;
        }
        return;
    }
    for i in 0..n {
        unsafe {
            let value = x.add(i).read();
            x.add(i).write(match code {
                0 => value.max(0.0),
                3 => alpha * value + beta,
                4 => {
                    if value >= 0.0 {
                        value
                    } else {
                        alpha * value
                    }
                }
                5 => {
                    if value >= alpha {
                        value
                    } else {
                        0.0
                    }
                }
                6 => alpha * libm::tanhf(beta * value),
                7 => (alpha * value + beta).clamp(0.0, 1.0),
                8 => {
                    if value >= 0.0 {
                        value
                    } else {
                        alpha * libm::expm1f(value)
                    }
                }
                9 => value / (1.0 + libm::fabsf(value)),
                _ => libm::log1pf(libm::expf(-libm::fabsf(value))) + value.max(0.0),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    const FUNCTIONS: [u32; 6] = [2, 1, 1, 2, 1, 1];

    fn shape(gates: u32) -> Recurrence {
        Recurrence {
            gates,
            steps: 3,
            batch: 2,
            input: 5,
            hidden: 7,
            direction: 0,
            batch_first: 0,
            variant: 0,
            functions: FUNCTIONS,
            alpha: [0.0; 6],
            beta: [0.0; 6],
            clip: 0.0,
        }
    }

    fn product(w: &[f32], x: &[f32], row: usize) -> f32 {
        w[row * x.len()..][..x.len()].iter().zip(x).map(|(w, x)| w * x).sum()
    }

    fn sigmoid(x: f32) -> f32 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn an_lstm_agrees_with_its_equations() {
        let s = shape(4);
        let (x, w, r) = (noise(3 * 2 * 5, 1), noise(28 * 5, 2), noise(28 * 7, 3));
        let (bias, holes) = (noise(56, 4), noise(21, 5));
        let mut y = vec![9.0; 3 * 2 * 7];
        let (mut last_h, mut last_c) = (vec![9.0; 14], vec![9.0; 14]);
        let mut scratch = vec![f32::NAN; 2 * 7 * 10];

        unsafe {
            let none = core::ptr::null();
            recurrent_f32(
                x.as_ptr(),
                w.as_ptr(),
                r.as_ptr(),
                bias.as_ptr(),
                core::ptr::null(),
                none,
                none,
                holes.as_ptr(),
                y.as_mut_ptr(),
                last_h.as_mut_ptr(),
                last_c.as_mut_ptr(),
                scratch.as_mut_ptr(),
                &raw const s,
            );
        }

        for sequence in 0..2 {
            let (mut h, mut c) = (vec![0.0; 7], vec![0.0; 7]);
            for step in 0..3 {
                let x = &x[(step * 2 + sequence) * 5..][..5];
                let before = h.clone();
                for unit in 0..7 {
                    let sum = |gate: usize| {
                        let row = gate * 7 + unit;
                        product(&w, x, row) + product(&r, &before, row) + bias[row] + bias[28 + row]
                    };
                    let input = sigmoid(sum(0) + holes[unit] * c[unit]);
                    let forget = sigmoid(sum(2) + holes[14 + unit] * c[unit]);
                    c[unit] = forget * c[unit] + input * sum(3).tanh();
                    h[unit] = sigmoid(sum(1) + holes[7 + unit] * c[unit]) * c[unit].tanh();
                    let actual = y[(step * 2 + sequence) * 7 + unit];
                    assert!((actual - h[unit]).abs() < 1e-5, "{actual} is not {}", h[unit]);
                }
            }
            assert!(h.iter().zip(&last_h[sequence * 7..]).all(|(a, b)| (a - b).abs() < 1e-5));
            assert!(c.iter().zip(&last_c[sequence * 7..]).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }

    #[test]
    fn a_shorter_sequence_ends_in_zeros_and_runs_backwards_from_its_own_end() {
        let s = Recurrence { direction: 1, functions: [1; 6], ..shape(1) };
        let (x, w, r) = (noise(3 * 2 * 5, 1), noise(7 * 5, 2), noise(7 * 7, 3));
        let (mut y, mut last_h) = (vec![9.0; 3 * 2 * 7], vec![9.0; 14]);
        let (mut scratch, lengths) = (vec![f32::NAN; 2 * 7 * 4], [3, 1]);

        unsafe {
            let none = core::ptr::null();
            recurrent_f32(
                x.as_ptr(),
                w.as_ptr(),
                r.as_ptr(),
                none,
                lengths.as_ptr(),
                none,
                none,
                none,
                y.as_mut_ptr(),
                last_h.as_mut_ptr(),
                core::ptr::null_mut(),
                scratch.as_mut_ptr(),
                &raw const s,
            );
        }

        for unit in 0..7 {
            let only = product(&w, &x[5..10], unit).tanh();
            assert!((y[7 + unit] - only).abs() < 1e-5);
            assert!((last_h[7 + unit] - only).abs() < 1e-5);
            assert_eq!([y[21 + unit], y[35 + unit]], [0.0; 2]);
            // The other one's last state is that of its first step.
            assert_eq!(last_h[unit], y[unit]);
        }
    }
}
