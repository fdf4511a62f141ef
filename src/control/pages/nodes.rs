//! Nodes: the processes that run tasks.

use askama::Template;
use serve::pages::layout::PageLayout;
use store::operations::read::Overview;
use store::record::{Node, Task};

use super::display::{Shown, coarse};
use super::frame::Frame;
use super::overview::{NodeRow, SILENT_AFTER};
use super::rows::TaskRow;

/// The most nodes that are shown.
const MAX_NODES: usize = 100;
/// The most running tasks that are shown of a node.
const MAX_TASKS: usize = 20;

/// The most files that are shown of a node.
const MAX_FILES: usize = 50;

/// What the page is made of.
pub(super) struct NodesData {
    /// What is going on.
    pub(super) overview: Overview,
    /// What runs.
    pub(super) running: Vec<Task>,
}

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "nodes.html")]
struct NodesPage {
    layout: PageLayout,
    frame: Frame,
    nodes: Vec<NodeView>,
    n_more: usize,
    silent_after: String,
}

struct NodeView {
    row: NodeRow,
    /// What others of its site must have as well.
    files: Vec<Shown>,
    running: Vec<TaskRow>,
    list: String,
}

/// Renders the page.
pub(super) fn render(data: &NodesData, frame: Frame, layout: PageLayout) -> askama::Result<String> {
    let Overview { now, nodes, .. } = &data.overview;
    let view = |node: &Node| {
        let running = data.running.iter().filter(|task| task.node.as_ref() == Some(&node.id));
        let query = super::fields::Fields::default().with("node", &node.id).to_query();
        NodeView {
            row: NodeRow::new(node, *now),
            files: node.files.lines().take(MAX_FILES).map(Shown::line).collect(),
            running: running.take(MAX_TASKS).map(|task| TaskRow::new(task, *now)).collect(),
            list: format!("/tasks/list{query}"),
        }
    };
    let page = NodesPage {
        layout,
        frame,
        nodes: nodes.iter().take(MAX_NODES).map(view).collect(),
        n_more: nodes.len().saturating_sub(MAX_NODES),
        silent_after: coarse(SILENT_AFTER),
    };
    page.render()
}
