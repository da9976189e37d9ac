//! A plan as text to read.

use std::fmt::Write;

use super::{Arg, Extent, Placement, Plan};

/// Writes a plan as text: symbols, ports, constants, memory, steps with their cost.
pub(crate) fn print(plan: &Plan, placement: &Placement) -> String {
    let names: Vec<String> = plan.symbols.iter().map(|symbol| symbol.name.clone()).collect();
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_plan(&mut text, plan, placement, &names);
    text
}

fn write_plan(
    text: &mut String,
    plan: &Plan,
    placement: &Placement,
    names: &[String],
) -> std::fmt::Result {
    writeln!(text, "plan ({})", plan.profile)?;
    for symbol in &plan.symbols {
        writeln!(text, "  symbol {} from {} to {}", symbol.name, symbol.min, symbol.max)?;
    }
    for (kind, ports) in [("input", &plan.inputs), ("output", &plan.outputs)] {
        for (index, port) in ports.iter().enumerate() {
            let buffer = &plan.buffers[port.buffer.0];
            writeln!(
                text,
                "  {kind} {index}: {} ({} bytes{})",
                buffer.name,
                buffer.bytes.display(names),
                if port.is_text { ", text" } else { "" }
            )?;
        }
    }

    writeln!(text, "\nconstants")?;
    for weights in &plan.weights {
        writeln!(text, "  {:>10} bytes  {}", weights.bytes.len(), weights.name)?;
    }

    writeln!(text, "\nmemory")?;
    for (slot, sizes) in placement.slots.iter().enumerate() {
        let sizes: Vec<String> = sizes.iter().map(|s| s.display(names).to_string()).collect();
        let residents: Vec<&str> = (0..plan.buffers.len())
            .filter(|buffer| placement.slot_of[*buffer] == Some(slot))
            .map(|buffer| plan.buffers[buffer].name.as_str())
            .collect();
        let size = match sizes.as_slice() {
            [one] => one.clone(),
            many => format!("max({})", many.join(", ")),
        };
        writeln!(text, "  #{slot}: {size} bytes  {}", residents.join(" | "))?;
    }

    writeln!(text, "\nsteps")?;
    for (index, step) in plan.steps.iter().enumerate() {
        writeln!(text, "  {index:>3}  {:<40} ~{} per row", step.title, duration(step.row_cost_ns))?;
        let args: Vec<String> =
            step.args.iter().map(|arg| argument(plan, placement, names, arg)).collect();
        writeln!(text, "       {}({})", step.kernel, args.join(", "))?;
    }
    writeln!(text, "\nestimated {} per row", duration(plan.row_cost_ns() as f64))
}

fn argument(plan: &Plan, placement: &Placement, names: &[String], arg: &Arg) -> String {
    let place = |prefix: &str, buffer: usize, offset: &Extent| {
        let slot = placement.slot_of[buffer].map_or("?".to_owned(), |slot| slot.to_string());
        match offset {
            Extent::Fixed(0) => format!("{prefix}#{slot}"),
            offset => format!("{prefix}#{slot} + {}", offset.display(names)),
        }
    };
    match arg {
        Arg::Read(buffer, offset) => place("", buffer.0, offset),
        Arg::Write(buffer, offset) => place("→ ", buffer.0, offset),
        Arg::Weights(weights) => format!("`{}`", plan.weights[weights.0].name),
        Arg::InputText(input) => format!("text of input {input}"),
        Arg::FreeMemory => "free memory".to_owned(),
        Arg::Count(count) => count.display(names).to_string(),
        Arg::Int(value) => value.to_string(),
        Arg::Float(value) => format!("{value:?}"),
    }
}

/// A number of nanoseconds in the unit that fits it.
pub(crate) fn duration(ns: f64) -> String {
    match ns {
        ns if ns < 1_000.0 => format!("{ns:.0} ns"),
        ns if ns < 1_000_000.0 => format!("{:.1} µs", ns / 1_000.0),
        ns => format!("{:.1} ms", ns / 1_000_000.0),
    }
}
