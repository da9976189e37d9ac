//! A model's operators, drawn; a node's attributes beside it; the same as a table.

use std::time::Duration;

use leptos::prelude::*;
use shared::{Graph, GraphCosts, GraphNode, GraphNodeKind, ModelId};

use super::signature::Unread;
use crate::{
    api::Query,
    app::use_account,
    components::{Drawing, DrawnNode, KeyValue, KeyValues, Loaded, Panel, Table},
    format::{count, decimal, duration},
    layout::layout,
    markup::{Markup, view},
    react::react,
    text::{fill, t},
};

/// The drawing.
#[component]
pub(super) fn ModelGraph(id: ModelId) -> impl IntoView {
    let client = use_account().client;
    let graph = Query::new(move || client.clone().model_graph(id));
    view! {
        <Loaded query=graph let:graph>
            {move || match graph.get() {
                None => view! { <Unread /> },
                Some(graph) => view! { <Drawn id graph /> },
            }}
        </Loaded>
    }
}

#[component]
fn Drawn(id: ModelId, graph: Graph) -> impl IntoView {
    let client = use_account().client;
    let costs = Query::new(move || client.clone().model_costs(id));
    let edges: Vec<(usize, usize)> =
        graph.edges.iter().map(|edge| (edge.from as usize, edge.to as usize)).collect();
    let places = layout(graph.nodes.len(), &edges);
    let nodes = graph.nodes.iter().map(drawn).collect();
    let chosen = RwSignal::new(None::<usize>);
    let operators = graph.nodes.iter().filter(|it| it.kind == GraphNodeKind::Operator).count();
    let cut = (graph.total_operators > operators as u64).then(|| {
        let (shown, total) = (count(operators as u64), count(graph.total_operators));
        view! { <p class="note">{fill(t().graph_cut, &[("shown", &shown), ("total", &total)])}</p> }
    });
    let nodes_count = graph.nodes.len();
    let shares = RwSignal::new(Vec::new());
    react(move || {
        let costs = costs.get().flatten().unwrap_or_default();
        shares.set(costs_by_place(&costs, nodes_count).iter().map(|(_, share)| *share).collect());
    });
    let graph = StoredValue::new(graph);
    let details = move || {
        let place = chosen.get();
        let node = place.and_then(|at| graph.with_value(|graph| graph.nodes.get(at).cloned()));
        match node {
            None => view! { <p class="fine">{t().choose_node}</p> },
            Some(node) => {
                let cost = costs.get().map(|costs| cost(&node, place, costs.as_ref()));
                attributes(node, cost)
            }
        }
    };
    view! {
        {cut}
        <div class="graph-page">
            <Panel id="graph" title=t().graph_title>
                <p class="fine">{t().graph_hint}</p>
                <Drawing label=t().graph_title nodes edges layout=places chosen shares />
            </Panel>
            <Panel id="node" title=t().details>
                <div aria-live="polite">{details}</div>
            </Panel>
        </div>
        <details class="advanced">
            <summary>{t().as_table}</summary>
            {move || {
                let costs = costs.get().flatten();
                graph.with_value(|graph| as_table(graph, costs.as_ref()))
            }}
        </details>
    }
}

fn drawn(node: &GraphNode) -> DrawnNode {
    let (title, sub, kind) = match node.kind {
        GraphNodeKind::Input => (node.name.clone(), t().input.to_owned(), "input"),
        GraphNodeKind::Output => (node.name.clone(), t().output.to_owned(), "output"),
        GraphNodeKind::Operator => (node.operator.clone(), node.name.clone(), "step"),
    };
    DrawnNode { title, sub, kind }
}

/// Of each node the nanoseconds of a row, and their share of all.
fn costs_by_place(costs: &GraphCosts, count: usize) -> Vec<(u64, f64)> {
    let total: u64 = costs.nodes.iter().map(|cost| cost.nanoseconds).sum();
    let mut places = vec![(0, 0.0); count];
    for cost in &costs.nodes {
        if let Some(place) = places.get_mut(cost.node as usize) {
            *place = (cost.nanoseconds, cost.nanoseconds as f64 / total.max(1) as f64);
        }
    }
    places
}

/// What is said of a node's time; nothing of what is no operator, and where nothing was measured.
fn cost(node: &GraphNode, place: Option<usize>, costs: Option<&GraphCosts>) -> String {
    let (Some(place), Some(costs), GraphNodeKind::Operator) = (place, costs, node.kind) else {
        return String::new();
    };
    match costs_by_place(costs, place + 1)[place] {
        (0, _) => t().no_time_of_its_own.to_owned(),
        (nanoseconds, share) => {
            let time = duration(Duration::from_nanos(nanoseconds));
            let share = format!("{} %", decimal(share * 100.0, 0));
            fill(t().operator_time, &[("time", &time), ("share", &share)])
        }
    }
}

/// `cost` is unknown while the server measures.
fn attributes(node: GraphNode, cost: Option<String>) -> Markup {
    let shown = drawn(&node);
    let rows: Vec<Markup> = node
        .attributes
        .into_iter()
        .map(|it| view! { <KeyValue name=it.name><code>{it.value}</code></KeyValue> })
        .collect();
    let none = rows.is_empty().then(|| view! { <p class="fine">{t().no_attributes}</p> });
    view! {
        <p class="graph-name">{shown.title}</p>
        <p class="fine">{shown.sub} " " {node.domain}</p>
        <p>{cost.unwrap_or_else(|| t().measuring.to_owned())}</p>
        {none}
        <KeyValues>{rows}</KeyValues>
    }
}

/// For those who cannot see a drawing, and for searching in the page.
fn as_table(graph: &Graph, costs: Option<&GraphCosts>) -> Markup {
    let rows: Vec<(usize, GraphNode, String, String)> = graph
        .nodes
        .iter()
        .enumerate()
        .map(|(place, node)| {
            let sources: Vec<String> = graph
                .edges
                .iter()
                .filter(|edge| edge.to as usize == place)
                .filter_map(|edge| graph.nodes.get(edge.from as usize))
                .map(|from| if from.name.is_empty() { &from.operator } else { &from.name })
                .cloned()
                .collect();
            let cost = cost(node, Some(place), costs);
            (place, node.clone(), sources.join(", "), cost)
        })
        .collect();
    view! {
        <Table
            caption=t().graph_title
            columns=vec![t().operator, t().name, t().reads_from, t().time]
            rows
            key=|(place, ..)| place.to_string()
            row=|(_, node, sources, cost): (usize, GraphNode, String, String)| {
                let shown = drawn(&node);
                view! {
                    <tr>
                        <th scope="row">{shown.title}</th>
                        <td>{shown.sub}</td>
                        <td>{sources}</td>
                        <td>{cost}</td>
                    </tr>
                }
            }
        />
    }
}

#[cfg(test)]
mod tests {
    use shared::NodeCost;

    use super::*;

    #[test]
    fn shares_are_of_all_that_was_measured_and_what_was_not_has_none() {
        let node = |node, nanoseconds| NodeCost { node, nanoseconds };
        let costs = GraphCosts { nodes: vec![node(1, 300), node(3, 100), node(900, 100)] };

        let places = costs_by_place(&costs, 4);

        assert_eq!(places, [(0, 0.0), (300, 0.6), (0, 0.0), (100, 0.2)]);
        assert_eq!(costs_by_place(&GraphCosts::default(), 1), [(0, 0.0)]);
    }
}
