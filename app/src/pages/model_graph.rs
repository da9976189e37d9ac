//! A model's operators, drawn; a node's attributes beside it; the same as a table.

use leptos::prelude::*;
use shared::{Graph, GraphNode, GraphNodeKind, ModelId};

use super::signature::Unread;
use crate::{
    api::Query,
    app::use_account,
    components::{Drawing, DrawnNode, KeyValue, KeyValues, Loaded, Panel, Table},
    format::count,
    layout::layout,
    markup::{Markup, view},
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
                Some(graph) => view! { <Drawn graph /> },
            }}
        </Loaded>
    }
}

#[component]
fn Drawn(graph: Graph) -> impl IntoView {
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
    let graph = StoredValue::new(graph);
    let details = move || {
        let place = chosen.get();
        let node = place.and_then(|at| graph.with_value(|graph| graph.nodes.get(at).cloned()));
        match node {
            None => view! { <p class="fine">{t().choose_node}</p> },
            Some(node) => attributes(node),
        }
    };
    view! {
        {cut}
        <div class="graph-page">
            <Panel id="graph" title=t().graph_title>
                <p class="fine">{t().graph_hint}</p>
                <Drawing label=t().graph_title nodes edges layout=places chosen />
            </Panel>
            <Panel id="node" title=t().details>
                <div aria-live="polite">{details}</div>
            </Panel>
        </div>
        <details class="advanced">
            <summary>{t().as_table}</summary>
            {graph.with_value(as_table)}
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

fn attributes(node: GraphNode) -> Markup {
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
        {none}
        <KeyValues>{rows}</KeyValues>
    }
}

/// For those who cannot see a drawing, and for searching in the page.
fn as_table(graph: &Graph) -> Markup {
    let rows: Vec<(usize, GraphNode, String)> = graph
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
            (place, node.clone(), sources.join(", "))
        })
        .collect();
    view! {
        <Table
            caption=t().graph_title
            columns=vec![t().operator, t().name, t().reads_from]
            rows
            key=|(place, ..)| place.to_string()
            row=|(_, node, sources): (usize, GraphNode, String)| {
                let shown = drawn(&node);
                view! {
                    <tr>
                        <th scope="row">{shown.title}</th>
                        <td>{shown.sub}</td>
                        <td>{sources}</td>
                    </tr>
                }
            }
        />
    }
}
