//! The parts of If, Loop and Scan that the compiler's blocks and loops call.
//!
//! A body is described as a node whose inputs are what the body answers and whose outputs are what
//! it takes, so that these functions hand values over in both directions.
//!
//! # Invariants
//! - After a turn nothing is left of it in the arena but what the next one is given and what is put together
//!   in the end, so a loop takes no more memory the longer it runs, unless its answer grows.

use crate::number::{BOOL, width};
use crate::tensor::{Dims, Tensor, axis_of};
use crate::{Failure, Node, arena};

/// What [`loop_next`] and [`scan_next`] answer to go on; 0 is to stop, more is a failure.
const GO_ON: i32 = 1;

/// Where a loop is; the compiler keeps room for it.
#[repr(C)]
struct State {
    started: usize,
    turns: usize,
    /// The latest turn's outputs, and through it all others.
    latest: *const Turn,
    /// What lies from here on in the arena was made by the latest turn, or was handed to it.
    mark: usize,
}

/// The outputs of one turn that are put together in the end.
struct Turn {
    outputs: *const Tensor,
    before: *const Self,
}

/// 1 for a tensor that holds a true value, 0 for a false one, more for what is neither.
#[unsafe(no_mangle)]
unsafe extern "C" fn control_truth(tensor: *const Tensor) -> i32 {
    let tensor = unsafe { &*tensor };
    if tensor.kind != BOOL {
        return Failure::Unsupported as i32;
    }
    match tensor.as_slice::<u8>().first() {
        Some(value) => i32::from(*value != 0),
        None => Failure::Broken as i32,
    }
}

/// Hands a tensor over.
#[unsafe(no_mangle)]
unsafe extern "C" fn control_take(from: *const Tensor, to: *mut Tensor) {
    unsafe { to.write(from.read()) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn control_begin(state: *mut State) {
    let mark = arena::next();
    unsafe { state.write(State { started: 0, turns: 0, latest: core::ptr::null(), mark }) };
}

/// Prepares the next turn of a Loop, if there is one.
#[unsafe(no_mangle)]
unsafe extern "C" fn loop_next(node: *const Node, body: *const Node, state: *mut State) -> i32 {
    let (node, body, state) = unsafe { (&*node, &*body, &mut *state) };
    answer(next_turn(node, body, state))
}

/// Leaves what a Loop answers.
#[unsafe(no_mangle)]
unsafe extern "C" fn loop_end(node: *const Node, body: *const Node, state: *const State) -> i32 {
    let (node, body, state) = unsafe { (&*node, &*body, &*state) };
    answer(end_of_loop(node, body, state).map(|()| false))
}

/// Prepares the next turn of a Scan, if there is one.
#[unsafe(no_mangle)]
unsafe extern "C" fn scan_next(node: *const Node, body: *const Node, state: *mut State) -> i32 {
    let (node, body, state) = unsafe { (&*node, &*body, &mut *state) };
    answer(next_slice(node, body, state))
}

/// Leaves what a Scan answers.
#[unsafe(no_mangle)]
unsafe extern "C" fn scan_end(node: *const Node, body: *const Node, state: *const State) -> i32 {
    let (node, body, state) = unsafe { (&*node, &*body, &*state) };
    answer(end_of_scan(node, body, state).map(|()| false))
}

fn answer(outcome: Result<bool, Failure>) -> i32 {
    match outcome {
        Ok(true) => GO_ON,
        Ok(false) => 0,
        // 1 is taken.
        Err(Failure::Unacceptable) => 2,
        Err(failure) => failure as i32,
    }
}

/// Ends a turn: hands `carried` of what the body answered to the body again, keeps what comes after for the
/// end, and gives the rest of what the turn allocated back.
///
/// What stays is copied behind everything, in the order that it is to have, and then moved down as one
/// block. `from` is the first carried output of the body, `to` the first of its inputs that takes one.
fn settle(
    body: &Node,
    from: usize,
    to: usize,
    carried: usize,
    state: &mut State,
) -> Result<(), Failure> {
    let kept = body.input_count().saturating_sub(from + carried);
    // All is read first: a body may answer with what it takes, in another order.
    let values = body.room::<Tensor>(carried + kept)?;
    for (index, slot) in values.iter_mut().enumerate() {
        *slot = *body.input(from + index)?;
    }
    let block = arena::Block::begin(state.mark);
    let (given, ending) = values.split_at_mut(carried);
    if kept > 0 {
        let outputs: *mut Tensor = arena::allocate(kept * size_of::<Tensor>())?.cast();
        for (index, value) in ending.iter_mut().enumerate() {
            *value = moved(value, &block)?;
            unsafe { outputs.add(index).write(*value) };
        }
        let turn: *mut Turn = arena::allocate(size_of::<Turn>())?.cast();
        let before = state.latest;
        unsafe { turn.write(Turn { outputs: block.target(outputs), before }) };
        state.latest = block.target(turn);
        state.mark = block.reached();
    }
    for (index, value) in given.iter_mut().enumerate() {
        *value = moved(value, &block)?;
        body.share(to + index, value, value.dims())?;
    }
    block.settle();
    state.turns += 1;
    Ok(())
}

/// A tensor as it is after the block that it belongs to has been moved; what the loop did not make stays.
fn moved(tensor: &Tensor, block: &arena::Block) -> Result<Tensor, Failure> {
    let mut moved = *tensor;
    if tensor.is_text() {
        let places = tensor.count().checked_add(1).and_then(|places| places.checked_mul(4));
        moved.data = block.keep(tensor.data, places.ok_or(Failure::NoMemory)?)?;
        moved.text = block.keep(tensor.text, tensor.text_bytes())?;
    } else {
        moved.data = block.keep(tensor.data, tensor.count() * width(tensor.kind))?;
    }
    Ok(moved)
}

/// Whether a loop's condition holds; one that is empty does.
fn truth(condition: &Tensor) -> Result<bool, Failure> {
    Ok(condition.slice::<crate::number::Bool>()?.first().is_none_or(|truth| truth.0 != 0))
}

fn next_turn(node: &Node, body: &Node, state: &mut State) -> Result<bool, Failure> {
    let carried = node.input_count().saturating_sub(2);
    let goes_on = if state.started == 0 {
        state.started = 1;
        for index in 0..carried {
            let value = node.input(2 + index)?;
            body.share(2 + index, value, value.dims())?;
        }
        node.optional(1).map_or(Ok(true), truth)?
    } else {
        let goes_on = truth(body.input(0)?)?;
        settle(body, 1, 2, carried, state)?;
        goes_on
    };
    let most = match node.optional(0) {
        Some(most) => most.integer(0)?,
        None => i64::MAX,
    };
    if !goes_on || state.turns as i64 >= most {
        return Ok(false);
    }
    body.output::<i64>(0, Dims::SCALAR)?.fill(state.turns as i64);
    body.output_bool(1, goes_on)?;
    Ok(true)
}

fn end_of_loop(node: &Node, body: &Node, state: &State) -> Result<(), Failure> {
    let carried = node.input_count().saturating_sub(2);
    for index in 0..carried {
        let value = if state.turns == 0 { node.input(2 + index)? } else { body.taken(2 + index)? };
        node.share(index, value, value.dims())?;
    }
    for index in carried..node.output_count() {
        stack(node, index, index - carried, state, 0, false)?;
    }
    Ok(())
}

/// Puts output `kept` of every turn together, along a new axis.
fn stack(
    node: &Node,
    index: usize,
    kept: usize,
    state: &State,
    axis: i64,
    backwards: bool,
) -> Result<(), Failure> {
    let Some(latest) = (unsafe { state.latest.as_ref() }) else {
        // No turn has said what an element looks like.
        return Err(Failure::Unacceptable);
    };
    let element = unsafe { *latest.outputs.add(kept) };
    let mut dims = element.dims();
    let axis = axis_of(axis, dims.len() + 1)?;
    dims.insert(axis, state.turns)?;
    let inner: usize = dims[axis + 1..].iter().product();
    let turns = node.room::<Tensor>(state.turns)?;
    let (mut turn, mut place) = (Some(latest), state.turns);
    while let Some(this) = turn {
        place -= 1;
        let tensor = unsafe { *this.outputs.add(kept) };
        if tensor.kind != element.kind || tensor.dims() != element.dims() {
            return Err(Failure::Unacceptable);
        }
        turns[if backwards { state.turns - 1 - place } else { place }] = tensor;
        turn = unsafe { this.before.as_ref() };
    }
    let turns = &*turns;
    if element.is_text() {
        return node.output_text(index, dims, |at| {
            turns[at / inner % turns.len()].string(at / inner / turns.len() * inner + at % inner)
        });
    }
    widths!(element.kind; T => {
        let y = node.output_like::<T>(index, element.kind, dims)?;
        for (at, slot) in y.iter_mut().enumerate() {
            let turn = &turns[at / inner % turns.len()];
            *slot = turn.as_slice::<T>()[at / inner / turns.len() * inner + at % inner];
        }
        Ok(())
    })
}

/// How many of a Scan's inputs are states that go from turn to turn, and how many are scanned.
fn parts(node: &Node) -> Result<(usize, usize), Failure> {
    let scanned = usize::try_from(node.int("num_scan_inputs", 0)).unwrap_or(0);
    let states = node.input_count().checked_sub(scanned).ok_or(Failure::Unsupported)?;
    Ok((states, scanned))
}

fn listed(node: &Node, name: &str, index: usize) -> i64 {
    node.ints(name).and_then(|values| values.get(index).copied()).unwrap_or(0)
}

fn next_slice(node: &Node, body: &Node, state: &mut State) -> Result<bool, Failure> {
    if node.opset < 9 {
        return Err(Failure::Unsupported);
    }
    let (states, scanned) = parts(node)?;
    if state.started == 0 {
        state.started = 1;
        for index in 0..states {
            let value = node.input(index)?;
            body.share(index, value, value.dims())?;
        }
    } else {
        settle(body, 0, 0, states, state)?;
    }
    for index in 0..scanned {
        let x = node.input(states + index)?;
        let axis = x.axis(listed(node, "scan_input_axes", index))?;
        let mut dims = x.dims();
        let length = dims[axis];
        if state.turns >= length {
            return Ok(false);
        }
        let backwards = listed(node, "scan_input_directions", index) == 1;
        let at = if backwards { length - 1 - state.turns } else { state.turns };
        let inner: usize = dims[axis + 1..].iter().product();
        dims.remove(axis);
        crate::movement::moved(body, states + index, x, dims, None, |place| {
            (place / inner * length + at) * inner + place % inner
        })?;
    }
    Ok(scanned > 0)
}

fn end_of_scan(node: &Node, body: &Node, state: &State) -> Result<(), Failure> {
    let (states, _) = parts(node)?;
    for index in 0..states {
        let value = if state.turns == 0 { node.input(index)? } else { body.taken(index)? };
        node.share(index, value, value.dims())?;
    }
    for index in states..node.output_count() {
        let kept = index - states;
        let backwards = listed(node, "scan_output_directions", kept) == 1;
        stack(node, index, kept, state, listed(node, "scan_output_axes", kept), backwards)?;
    }
    Ok(())
}
