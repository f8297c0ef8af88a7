//! The smallest pieces of a compiled template: arcs, joins, literal words.

use super::draft::Value;
use super::graph::{Arc, Node, NodeId, Step};
use super::interpretation::SlotValue;
use super::numbers::numbers_at;
use super::template::{self, Expr};
use super::words::{Edges, Piece, fold};

pub(super) fn arc(step: Step, from: NodeId, nodes: &mut Vec<Node>) -> NodeId {
    let to = nodes.len() as NodeId;
    nodes.push(Node::default());
    nodes[from as usize].arcs.push(Arc { to, step });
    to
}

pub(super) fn join(ends: &[NodeId], nodes: &mut Vec<Node>) -> NodeId {
    let to = nodes.len() as NodeId;
    nodes.push(Node::default());
    for end in ends {
        nodes[*end as usize].arcs.push(Arc { to, step: Step::Skip });
    }
    to
}

/// Literal words as they are.
pub(super) fn verbatim(text: &str, from: NodeId, nodes: &mut Vec<Node>) -> NodeId {
    spelled(text, from, nodes).1.last().map_or(from, |(_, end)| *end)
}

/// Adds literal words; returns their spelling and, for each byte of it where a word or gap begins
/// and for its end, the node there.
fn spelled(text: &str, from: NodeId, nodes: &mut Vec<Node>) -> (String, Vec<(usize, NodeId)>) {
    let mut spelling = String::new();
    fold(text, Edges::Glued, |piece| match piece {
        Piece::Gap if spelling.ends_with(' ') => {}
        Piece::Gap => spelling.push(' '),
        Piece::Part(part, _) => spelling.push_str(part),
    });
    let mut at = from;
    let mut places: Vec<(usize, NodeId)> = Vec::new();
    let mut byte = 0;
    while byte < spelling.len() {
        places.push((byte, at));
        let rest = &spelling[byte..];
        if rest.starts_with(' ') {
            at = arc(Step::Gap, at, nodes);
            byte += 1;
        } else {
            let part = rest.split(' ').next().unwrap_or(rest);
            let to = nodes.len() as NodeId;
            nodes.push(Node::default());
            nodes[at as usize].texts.push((part.into(), to));
            at = to;
            byte += part.len();
        }
    }
    places.push((byte, at));
    (spelling, places)
}

/// Literal words; a number among them is also matched in its other spelling.
pub(super) fn literal(text: &str, from: NodeId, nodes: &mut Vec<Node>) -> NodeId {
    let (spelling, places) = spelled(text, from, nodes);
    let mut next = 0;
    for (start, node) in &places {
        if *start < next || spelling[*start..].starts_with(' ') {
            continue;
        }
        let ends_word = |end: usize| end == spelling.len() || spelling[end..].starts_with(' ');
        let number = numbers_at(&spelling, *start).into_iter().rfind(|n| ends_word(n.end));
        if let Some(number) = number
            && let Some((end, to)) = places.iter().find(|(byte, _)| *byte == number.end)
        {
            nodes[*node as usize].arcs.push(Arc { to: *to, step: Step::Number(number.value) });
            next = *end;
        }
    }
    places.last().map_or(from, |(_, end)| *end)
}

/// A way to say a list's value, and the value.
pub(super) fn spoken_value(value: &Value) -> (String, SlotValue) {
    let spoken = one_way(&value.input.tree);
    let spoken = spoken.split_whitespace().collect::<Vec<_>>().join(" ");
    let out = value.out.clone().unwrap_or_else(|| SlotValue::Text(spoken.clone()));
    (spoken, out)
}

/// The first way to say a template: first branches, no optional parts, rules left out.
pub(super) fn one_way(tree: &template::Node) -> String {
    match &tree.expr {
        Expr::Text(text) => text.clone(),
        Expr::Sequence(items) => items.iter().map(one_way).collect(),
        Expr::OneOf(items) => items.first().map(one_way).unwrap_or_default(),
        Expr::AnyOrder(items) => items.iter().map(one_way).collect::<Vec<_>>().join(" "),
        Expr::Maybe(_) | Expr::List(_) | Expr::Rule(_) => String::new(),
    }
}
