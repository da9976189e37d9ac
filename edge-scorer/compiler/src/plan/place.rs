//! Gives every buffer a slot; buffers that never live at the same time share one.
//!
//! `prepare` makes a slot as large as its largest buffer and puts the slots one after another, so
//! addresses follow the symbols without any search at run time.

use super::{BufferId, Extent, Plan, PortText};

/// Which slot each buffer lies in, and how large the slots are.
#[derive(Debug)]
pub(crate) struct Placement {
    /// One per buffer; `None` for a buffer that nothing uses.
    pub(crate) slot_of: Vec<Option<usize>>,
    /// One per slot: the sizes in bytes of the buffers in it, each once.
    pub(crate) slots: Vec<Vec<Extent>>,
}

impl Placement {
    /// Bytes of all slots for the given symbols, each rounded up to `alignment`.
    pub(crate) fn total_bytes(&self, symbols: &[u32], alignment: i64) -> Option<i64> {
        self.slots.iter().try_fold(0_i64, |total, sizes| {
            let largest = sizes
                .iter()
                .try_fold(0_i64, |largest, size| Some(largest.max(size.evaluate(symbols)?)))?;
            total.checked_add(largest.checked_add(alignment - 1)? / alignment * alignment)
        })
    }
}

/// Places the buffers of a plan.
pub(crate) fn place(plan: &Plan) -> Placement {
    let lives = lifetimes(plan);
    let typical: Vec<u32> = plan.symbols.iter().map(|symbol| symbol.max.min(64)).collect();
    let size = |buffer: usize| plan.buffers[buffer].bytes.evaluate(&typical).unwrap_or(i64::MAX);

    let mut order: Vec<usize> = (0..plan.buffers.len()).filter(|b| lives[*b].is_some()).collect();
    order.sort_by_key(|buffer| (lives[*buffer].map(|life| life.0), *buffer));

    let mut placement = Placement { slot_of: vec![None; plan.buffers.len()], slots: Vec::new() };
    // Last step that uses each slot, and the slot's size for typical symbols.
    let mut ends: Vec<(usize, i64)> = Vec::new();
    for buffer in order {
        let Some((start, end)) = lives[buffer] else { continue };
        let bytes = size(buffer);
        // The free slot whose size is nearest: the least is wasted, the least is grown.
        let best = (0..ends.len())
            .filter(|slot| ends[*slot].0 < start)
            .min_by_key(|slot| ends[*slot].1.abs_diff(bytes));
        let slot = best.unwrap_or_else(|| {
            ends.push((0, 0));
            placement.slots.push(Vec::new());
            ends.len() - 1
        });
        ends[slot] = (end, ends[slot].1.max(bytes));
        let extent = plan.buffers[buffer].bytes.clone();
        if !placement.slots[slot].contains(&extent) {
            placement.slots[slot].push(extent);
        }
        placement.slot_of[buffer] = Some(slot);
    }
    placement
}

/// First and last step that touch each buffer. Ports live from before the first to after the last.
fn lifetimes(plan: &Plan) -> Vec<Option<(usize, usize)>> {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; plan.buffers.len()];
    for (index, step) in plan.steps.iter().enumerate() {
        for BufferId(buffer) in step.reads().chain(step.writes()) {
            let life = lives[buffer].get_or_insert((index, index));
            life.1 = index;
        }
    }
    for port in plan.inputs.iter().chain(&plan.outputs) {
        for BufferId(buffer) in
            [Some(port.buffer), port.text.map(PortText::buffer)].into_iter().flatten()
        {
            lives[buffer] = Some((0, usize::MAX));
        }
    }
    lives
}

#[cfg(test)]
mod tests {
    use shared::{ElementType, Profile};

    use super::super::{Arg, Planner, Port};
    use super::*;

    #[test]
    fn buffers_that_never_meet_share_a_slot_and_ports_never_do() {
        let mut planner = Planner::new(Profile::Portable, Vec::new());
        let ids: Vec<BufferId> = (0..5)
            .map(|n| planner.buffer(format!("b{n}"), ElementType::Float32, Extent::Fixed(8)))
            .collect();
        planner.input(0, Port { buffer: ids[0], text: None, is_text: false });
        planner.output(Port { buffer: ids[4], text: None, is_text: false });
        for pair in ids.windows(2) {
            let args = vec![Arg::read(pair[0]), Arg::count(Extent::Fixed(32)), Arg::write(pair[1])];
            planner.call("copy_bytes", args, "copy", 1.0);
        }

        let placement = place(&planner.finish());

        let slots: Vec<usize> = placement.slot_of.iter().map(|slot| slot.unwrap()).collect();
        assert_eq!(slots[1], slots[3], "b1 is dead when b3 is written");
        assert_ne!(slots[1], slots[2], "b1 is read while b2 is written");
        assert!(!slots[1..].contains(&slots[0]), "an input is never overwritten");
        assert!(!slots[..4].contains(&slots[4]), "an output is never overwritten");
    }
}
