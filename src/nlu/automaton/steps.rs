//! The steps out of a position.

use std::sync::Arc;

use super::super::graph::{Graph, GraphId, Machine, Step};
use super::Automaton;
use super::owed::Owed;
use super::talk::Said;
use super::walk::{In, Position, Walk};

impl Automaton {
    /// Takes every step from a position, with the word begun on the way to it.
    pub(super) fn leave(&mut self, position: Position, cost: u32, begun: u32, walk: &mut Walk) {
        match position.within {
            In::Talk => self.leave_stop(position, cost, begun, walk),
            In::Skip => self.leave_skip(position, cost, walk),
            In::Grammar(grammar) => {
                let machine = Arc::clone(&self.machines[usize::from(grammar)]);
                let graph = &machine.graphs[position.graph as usize];
                self.leave_node(graph, Some(&machine), position, cost, begun, walk);
            }
            In::Numbers => {
                let graph = self.numbers.graph(position.graph);
                self.leave_node(&graph, None, position, cost, begun, walk);
            }
        }
    }

    fn leave_stop(&mut self, position: Position, cost: u32, begun: u32, walk: &mut Walk) {
        if begun != 0 {
            return walk.word(begun, position, cost);
        }
        if !position.owed.is_nothing() {
            return;
        }
        let stop = position.node as usize;
        if self.talk.ends[stop] {
            walk.ends = Some(walk.ends.map_or(cost, |ends| ends.min(cost)));
        }
        for leg in self.talk.stops[stop].clone() {
            let next = Position::at_stop(leg.to);
            let cost = cost + leg.cost;
            let machine = Arc::clone(&self.machines[leg.grammar]);
            let sentences = self.sentences[leg.grammar].iter();
            let within = In::Grammar(leg.grammar as u16);
            let graphs: Vec<(GraphId, Owed)> = match &leg.said {
                Said::Nothing => {
                    walk.go(next, cost, 0);
                    continue;
                }
                Said::Sentence => sentences.map(|s| (s.graph, s.owed)).collect(),
                Said::Intent(name) => {
                    let of_intent =
                        sentences.filter(|s| machine.intents[s.intent as usize] == *name);
                    of_intent.map(|s| (s.graph, s.owed)).collect()
                }
                Said::Value(list) => match machine.lists.get(list).map(|list| &list.arc) {
                    Some(Step::List { graph, .. } | Step::Entity { graph, .. }) => {
                        vec![(*graph, Owed::default())]
                    }
                    Some(Step::Range { range, .. }) => {
                        let graph = self.numbers.range(&machine.ranges[*range as usize]);
                        self.call(In::Numbers, graph, next, cost, 0, walk);
                        continue;
                    }
                    // Only the words that are always understood may be said for sure.
                    _ => continue,
                },
            };
            for (graph, owed) in graphs {
                self.call(within, graph, Position { owed, ..next }, cost, 0, walk);
            }
        }
    }

    fn leave_skip(&mut self, position: Position, cost: u32, walk: &mut Walk) {
        let phrase = self.skip_phrase(position.graph).to_owned();
        match phrase.split(' ').nth(position.node as usize) {
            Some(word) => {
                let begun = walk.begin(0, word);
                walk.word(begun, Position { node: position.node + 1, ..position }, cost);
            }
            None => {
                let positions = Arc::clone(&self.known[position.caller as usize].positions);
                // Back to what was left, but not into a skip phrase that was left half said.
                for (position, more) in positions.iter() {
                    if !self.is_half_skipped(*position) {
                        walk.go(*position, cost + more, 0);
                    }
                }
            }
        }
    }

    /// `machine` is the graph's own; number graphs have none, and only literals.
    fn leave_node(
        &mut self,
        graph: &Graph,
        machine: Option<&Machine>,
        position: Position,
        cost: u32,
        begun: u32,
        walk: &mut Walk,
    ) {
        let at = |node| Position { node, wild: 0, ..position };
        // Any words may hold a keyword.
        let unbound = |position: Position| Position {
            owed: Owed { keywords: 0, ..position.owed },
            ..position
        };
        if position.wild != 0 {
            let arc = &graph.nodes[position.node as usize].arcs[position.wild as usize - 1];
            walk.wild.push((position, cost));
            walk.wild.push((at(arc.to), cost));
            return;
        }
        if position.node == graph.exit() {
            let caller = self.callers[position.caller as usize];
            return walk.go(Position { owed: position.owed, ..caller }, cost, begun);
        }
        let node = &graph.nodes[position.node as usize];
        for (text, to) in &node.texts {
            let begun = walk.begin(begun, text);
            walk.go(at(*to), cost, begun);
        }
        for (index, arc) in node.arcs.iter().enumerate() {
            let next = at(arc.to);
            match &arc.step {
                Step::Skip => walk.go(next, cost, begun),
                Step::Value(value) => {
                    let meets = machine.map_or(0, |m| m.values[*value as usize].meets);
                    let owed = Owed { facts: next.owed.facts & !meets, ..next.owed };
                    walk.go(Position { owed, ..next }, cost, begun);
                }
                Step::Gap if begun == 0 => walk.go(next, cost, 0),
                Step::Gap => walk.word(begun, next, cost),
                Step::Call(graph) | Step::List { graph, .. } | Step::Entity { graph, .. } => {
                    self.call(position.within, *graph, next, cost, begun, walk);
                }
                Step::Number(number) => {
                    let graph = self.numbers.number(*number);
                    self.call(In::Numbers, graph, next, cost, begun, walk);
                }
                Step::Range { range, .. } => {
                    let Some(machine) = machine else { continue };
                    let graph = self.numbers.range(&machine.ranges[*range as usize]);
                    self.call(In::Numbers, graph, next, cost, begun, walk);
                }
                Step::Wild { .. } if begun == 0 => {
                    // The first word of the wildcard leads into it or past it.
                    let inside = Position { wild: index as u32 + 1, ..position };
                    walk.wild.push((unbound(inside), cost));
                    walk.wild.push((unbound(next), cost));
                }
                Step::Wild { .. } => walk.word(begun, position, cost),
            }
        }
    }

    /// Enters a graph and comes back at `next`.
    fn call(
        &mut self,
        within: In,
        graph: GraphId,
        next: Position,
        cost: u32,
        begun: u32,
        walk: &mut Walk,
    ) {
        // A call that nothing follows returns for its caller, too: fewer positions are distinct.
        let last = match next.within {
            In::Grammar(grammar) => {
                self.machines[usize::from(grammar)].graphs[next.graph as usize].exit() == next.node
            }
            _ => false,
        };
        // What is owed then is known at the end of the graph.
        let caller = if last {
            next.caller
        } else {
            self.caller(Position { owed: Owed::default(), ..next })
        };
        let inside = Position { within, graph, node: 0, wild: 0, caller, owed: next.owed };
        walk.go(inside, cost, begun);
    }
}
