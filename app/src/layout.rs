//! Places the nodes of a graph in layers from top to bottom, so that values flow downwards.
//!
//! A node stands one layer below the lowest node it reads from; within a layer, nodes stand near
//! the middle of those they read from, swept a few times. Plain arithmetic, tested natively.
//!
//! # Deliberately absent
//! - Crossing minimisation beyond the sweeps: graphs of models are long and thin.

use std::ops::Range;

use crate::format::fixed;

/// Width and height of a node, and the room around it.
pub(crate) const WIDTH: f64 = 196.0;
pub(crate) const HEIGHT: f64 = 44.0;
const GAP_X: f64 = 20.0;
const GAP_Y: f64 = 40.0;
const SWEEPS: usize = 4;

/// Where the nodes stand: the upper left corner of each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) places: Vec<(f64, f64)>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Places `count` nodes; edges lead from lower to higher indices, others are ignored.
#[expect(clippy::cast_precision_loss, reason = "a drawing has some thousand nodes")]
pub(crate) fn layout(count: usize, edges: &[(usize, usize)]) -> Layout {
    let edges: Vec<(usize, usize)> =
        edges.iter().copied().filter(|(from, to)| from < to && *to < count).collect();
    let mut layer = vec![0_usize; count];
    let mut sources = vec![Vec::new(); count];
    let mut targets = vec![Vec::new(); count];
    for &(from, to) in &edges {
        sources[to].push(from);
        targets[from].push(to);
    }
    for node in 0..count {
        layer[node] = sources[node].iter().map(|&from| layer[from] + 1).max().unwrap_or(0);
    }
    let depth = layer.iter().max().map_or(0, |deepest| deepest + 1);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth];
    for node in 0..count {
        layers[layer[node]].push(node);
    }

    // The place of each node in its layer, counted from the layer's middle.
    let mut at = vec![0.0_f64; count];
    let centre = |row: &[usize], at: &mut [f64]| {
        let middle = (row.len() as f64 - 1.0) / 2.0;
        for (place, &node) in row.iter().enumerate() {
            at[node] = place as f64 - middle;
        }
    };
    layers.iter().for_each(|row| centre(row, &mut at));
    for sweep in 0..SWEEPS {
        let neighbours = if sweep % 2 == 0 { &sources } else { &targets };
        let order: Vec<usize> =
            if sweep % 2 == 0 { (0..depth).collect() } else { (0..depth).rev().collect() };
        for index in order {
            let mut row = std::mem::take(&mut layers[index]);
            let mean = |node: usize| {
                let near = &neighbours[node];
                let sum: f64 = near.iter().map(|&other| at[other]).sum();
                if near.is_empty() { at[node] } else { sum / near.len() as f64 }
            };
            let mut keyed: Vec<(f64, usize)> = row.iter().map(|&node| (mean(node), node)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            row = keyed.into_iter().map(|(_, node)| node).collect();
            centre(&row, &mut at);
            layers[index] = row;
        }
    }

    let widest = layers.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let width = widest * (WIDTH + GAP_X) + GAP_X;
    let middle = width / 2.0;
    let places = (0..count)
        .map(|node| {
            let x = middle + at[node] * (WIDTH + GAP_X) - WIDTH / 2.0;
            let y = GAP_Y / 2.0 + layer[node] as f64 * (HEIGHT + GAP_Y);
            (x, y)
        })
        .collect();
    Layout { places, width, height: depth as f64 * (HEIGHT + GAP_Y) }
}

/// The view onto a drawing: what part of it is seen, in its own units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Viewport {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Smallest and largest width of a view.
const ZOOM: Range<f64> = 240.0..60_000.0;

/// The nearest width of a view that is allowed.
#[expect(clippy::manual_clamp, reason = "its panic brings along what writes any number")]
fn zoomable(width: f64) -> f64 {
    width.max(ZOOM.start).min(ZOOM.end)
}

impl Viewport {
    /// The upper part of a drawing in a window of so many pixels and these proportions, at a size to read.
    pub(crate) fn opening(drawing: &Layout, pixels: f64, aspect: f64) -> Self {
        let width = zoomable(drawing.width.max(pixels).min(1.6 * pixels));
        Self { x: (drawing.width - width) / 2.0, y: 0.0, width, height: width * aspect }
    }

    /// The whole drawing.
    pub(crate) fn whole(drawing: &Layout, aspect: f64) -> Self {
        let width = zoomable(drawing.width.max(drawing.height / aspect));
        Self { x: (drawing.width - width) / 2.0, y: 0.0, width, height: width * aspect }
    }

    /// Zooms by `factor` (below 1: closer) about a point of the window, 0 to 1 in both directions.
    pub(crate) fn zoomed(self, factor: f64, at: (f64, f64)) -> Self {
        let width = zoomable(self.width * factor);
        let height = self.height * width / self.width;
        Self {
            x: self.x + (self.width - width) * at.0,
            y: self.y + (self.height - height) * at.1,
            width,
            height,
        }
    }

    /// Moves by a part of the window.
    pub(crate) fn moved(self, dx: f64, dy: f64) -> Self {
        Self { x: self.x + dx * self.width, y: self.y + dy * self.height, ..self }
    }

    /// Around the box at `(x, y)`, unless all of it is in the view already.
    pub(crate) fn showing(self, (x, y): (f64, f64)) -> Self {
        let sees =
            |from: f64, size: f64, of: f64, length: f64| from >= of && from + size <= of + length;
        if sees(x, WIDTH, self.x, self.width) && sees(y, HEIGHT, self.y, self.height) {
            return self;
        }
        let (x, y) = (x + (WIDTH - self.width) / 2.0, y + (HEIGHT - self.height) / 2.0);
        Self { x, y, ..self }
    }

    /// The SVG attribute.
    pub(crate) fn view_box(self) -> String {
        [self.x, self.y, self.width, self.height].map(|it| fixed(it, 1)).join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_flow_downwards_and_nothing_overlaps() {
        let edges = [(0, 2), (1, 2), (2, 3), (2, 4), (3, 5), (4, 5), (0, 5)];

        let drawn = layout(6, &edges);

        for (from, to) in edges {
            assert!(drawn.places[from].1 < drawn.places[to].1, "{from} above {to}");
        }
        for a in 0..6 {
            for b in 0..a {
                let ((ax, ay), (bx, by)) = (drawn.places[a], drawn.places[b]);
                assert!((ax - bx).abs() >= WIDTH || (ay - by).abs() >= HEIGHT, "{a} over {b}");
            }
        }
    }

    #[test]
    fn a_graph_of_nothing_and_edges_that_lead_back_do_no_harm() {
        assert_eq!(layout(0, &[]).places, []);
        assert_eq!(layout(2, &[(1, 0), (0, 9)]).places.len(), 2);
    }

    #[test]
    fn a_small_drawing_opens_at_its_own_size_and_a_wide_one_no_smaller_than_can_be_read() {
        let drawn = |width| Layout { places: vec![], width, height: 100.0 };

        assert_eq!(Viewport::opening(&drawn(200.0), 600.0, 0.5).width, 600.0);
        assert_eq!(Viewport::opening(&drawn(700.0), 600.0, 0.5).width, 700.0);
        assert_eq!(Viewport::opening(&drawn(9_000.0), 600.0, 0.5).width, 960.0);
    }

    #[test]
    fn zooming_keeps_the_point_under_the_pointer() {
        let view = Viewport { x: 100.0, y: 50.0, width: 1000.0, height: 500.0 };

        let closer = view.zoomed(0.5, (0.25, 0.5));

        assert_eq!(
            (closer.x + closer.width * 0.25, closer.y + closer.height * 0.5),
            (350.0, 300.0)
        );
        assert_eq!(view.zoomed(1e-9, (0.0, 0.0)).width, 240.0);
        assert_eq!(view.moved(0.1, 0.0).x, 200.0);
    }

    #[test]
    fn the_view_moves_to_a_box_only_where_it_does_not_show_all_of_it() {
        let view = Viewport { x: 0.0, y: 0.0, width: 1000.0, height: 500.0 };

        assert_eq!(view.showing((10.0, 10.0)), view);
        let (x, y) = (2000.0, 10.0);
        let moved = view.showing((x, y));

        assert_eq!((moved.width, moved.height), (1000.0, 500.0));
        assert_eq!(moved.x + 500.0, x + WIDTH / 2.0);
        assert_eq!(moved.y + 250.0, y + HEIGHT / 2.0);
    }
}
