//! A model's operators, drawn; a node's attributes beside it; the same as a table.

use std::time::Duration;

use leptos::prelude::*;
use shared::{Graph, GraphCosts, GraphNode, GraphNodeKind, ModelId, NodeCost};

use super::signature::Unread;
use crate::{
    api::{Phase, Query},
    app::use_account,
    components::{Drawing, DrawnNode, KeyValue, KeyValues, Loaded, Panel, Table},
    format::{count, decimal, duration},
    layout::layout,
    markup::{Markup, view},
    react::{memo, react},
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
    let phase = costs.fetched().phase();
    let times = memo(move || match (costs.get().flatten(), phase.get()) {
        (Some(costs), _) => Times::Measured(costs_by_place(&costs, nodes_count)),
        (None, Phase::Waiting) => Times::Awaited,
        (None, Phase::Failed | Phase::Ready) => Times::Unknown,
    });
    let shares = RwSignal::new(Vec::new());
    react(move || {
        if let Times::Measured(times) = times.get() {
            shares.set(times.iter().map(|time| time.share).collect());
        }
    });
    let graph = StoredValue::new(graph);
    let details = move || {
        let found = chosen.get().and_then(|place| {
            graph.with_value(|graph| Some((place, graph.nodes.get(place)?.clone())))
        });
        match found {
            None => view! { <p class="fine">{t().choose_node}</p> },
            Some((place, node)) => {
                let time = times.with(|times| time(&node, place, times));
                attributes(node, time)
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
            {as_table(graph, times)}
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

/// What is known of how long the nodes take.
#[derive(Clone, PartialEq)]
enum Times {
    /// The server measures.
    Awaited,
    /// It could not.
    Unknown,
    /// One for each node.
    Measured(Vec<NodeTime>),
}

/// What a row takes in one node.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct NodeTime {
    nanoseconds: u64,
    /// Of the whole model's time.
    share: f64,
}

/// The time of each of `count` nodes.
fn costs_by_place(costs: &GraphCosts, count: usize) -> Vec<NodeTime> {
    let total: u64 = costs.nodes.iter().map(|cost| cost.nanoseconds).sum();
    let mut places = vec![NodeTime::default(); count];
    for &NodeCost { node, nanoseconds } in &costs.nodes {
        if let Some(place) = places.get_mut(node as usize) {
            *place = NodeTime { nanoseconds, share: nanoseconds as f64 / total.max(1) as f64 };
        }
    }
    places
}

/// What is said of a node's time; nothing of what is no operator, and where nothing was measured.
fn time(node: &GraphNode, place: usize, times: &Times) -> String {
    match (node.kind, times) {
        (GraphNodeKind::Input | GraphNodeKind::Output, _) | (_, Times::Unknown) => String::new(),
        (GraphNodeKind::Operator, Times::Awaited) => t().measuring.to_owned(),
        (GraphNodeKind::Operator, Times::Measured(times)) => match times.get(place) {
            None | Some(NodeTime { nanoseconds: 0, .. }) => t().no_time_of_its_own.to_owned(),
            Some(NodeTime { nanoseconds, share }) => {
                let time = duration(Duration::from_nanos(*nanoseconds));
                let share = format!("{} %", decimal(share * 100.0, 0));
                fill(t().operator_time, &[("time", &time), ("share", &share)])
            }
        },
    }
}

fn attributes(node: GraphNode, time: String) -> Markup {
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
        <p>{time}</p>
        {none}
        <KeyValues>{rows}</KeyValues>
    }
}

/// For those who cannot see a drawing, and for searching in the page.
fn as_table(graph: StoredValue<Graph>, times: Memo<Times>) -> Markup {
    let rows = move || {
        times.with(|times| {
            graph.with_value(|graph| {
                let row = |(place, node): (usize, &GraphNode)| Row {
                    place,
                    node: node.clone(),
                    sources: sources(graph, place),
                    time: time(node, place, times),
                };
                graph.nodes.iter().enumerate().map(row).collect::<Vec<_>>()
            })
        })
    };
    view! {
        <Table
            caption=t().graph_title
            columns=vec![t().operator, t().name, t().reads_from, t().time]
            rows
            key=|row| format!("{} {}", row.place, row.time)
            row=|row: Row| {
                let shown = drawn(&row.node);
                view! {
                    <tr>
                        <th scope="row">{shown.title}</th>
                        <td>{shown.sub}</td>
                        <td>{row.sources}</td>
                        <td>{row.time}</td>
                    </tr>
                }
            }
        />
    }
}

/// A node in the table.
#[derive(Clone)]
struct Row {
    place: usize,
    node: GraphNode,
    sources: String,
    time: String,
}

/// The names of what a node reads from.
fn sources(graph: &Graph, place: usize) -> String {
    let from = graph.edges.iter().filter(|edge| edge.to as usize == place);
    let nodes = from.filter_map(|edge| graph.nodes.get(edge.from as usize));
    let name = |node: &GraphNode| {
        if node.name.is_empty() { node.operator.clone() } else { node.name.clone() }
    };
    nodes.map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_that_was_measured_and_what_was_not_has_none() {
        let node = |node, nanoseconds| NodeCost { node, nanoseconds };
        let costs = GraphCosts { nodes: vec![node(1, 300), node(3, 100), node(900, 100)] };

        let time = |nanoseconds, share| NodeTime { nanoseconds, share };
        let none = NodeTime::default();
        assert_eq!(costs_by_place(&costs, 4), [none, time(300, 0.6), none, time(100, 0.2)]);
        assert_eq!(costs_by_place(&GraphCosts::default(), 1), [none]);
    }

    #[test]
    fn a_time_is_awaited_or_said_of_operators_only_and_nothing_is_where_measuring_failed() {
        let node = |kind| GraphNode {
            kind,
            name: "it".to_owned(),
            operator: "Relu".to_owned(),
            domain: "ai.onnx".to_owned(),
            attributes: Vec::new(),
        };
        let (input, relu) = (node(GraphNodeKind::Input), node(GraphNodeKind::Operator));
        let measured =
            Times::Measured(vec![NodeTime::default(), NodeTime { nanoseconds: 250, share: 0.25 }]);

        assert_eq!(time(&relu, 1, &Times::Awaited), t().measuring);
        assert_eq!(time(&relu, 0, &measured), t().no_time_of_its_own);
        let said = time(&relu, 1, &measured);
        assert!(said.contains("250") && said.contains("25 %"), "{said}");
        assert_eq!(time(&relu, 1, &Times::Unknown), "");
        assert_eq!(time(&input, 1, &Times::Awaited), "");
    }
}
