//! [`Draft`] to [`Machine`]. The draft was checked: every name is known and nothing recurs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::draft::{Block, Draft, List, ListKind, NumberRange, Requirement, Template, Value};
use super::entities::{Entity, forms, writes_figures};
use super::graph::{
    Arc, BlockInfo, GraphId, ListInfo, ListValue, MAX_REQUIREMENTS, Machine, Node, NodeId, Part,
    Sentence, SlotId, Step,
};
use super::interpretation::SlotValue;
use super::pieces::{arc, join, literal, spoken_value, verbatim};
use super::template::{self, Expr, ListName, ListRef};
use super::words::Words;
use crate::config::diagnostic::Source;

/// Connects everything in `draft`.
pub(super) fn compile(sources: &[Source], draft: &Draft) -> Machine {
    let mut compiler = Compiler {
        draft,
        machine: Machine::default(),
        slots: HashMap::new(),
        filters: Vec::new(),
        reached: HashMap::new(),
        graphs: HashMap::new(),
        entities: HashMap::new(),
        verbatim: false,
    };
    for (intent_index, intent) in draft.intents.iter().enumerate() {
        compiler.machine.intents.push(intent.name.clone());
        for block in &intent.blocks {
            compiler.block(sources, intent_index as u32, block);
        }
    }
    compiler.named_lists();
    let mut skip_words: Vec<String> = draft.skip_words.iter().map(|w| normal(w)).collect();
    skip_words.retain(|w| !w.is_empty());
    skip_words.sort_by_key(|w| std::cmp::Reverse(w.len()));
    compiler.machine.skip_words = skip_words;
    compiler.machine
}

/// Text in normal spelling.
pub(super) fn normal(text: &str) -> String {
    Words::new(text).text
}

/// Names as a sentence sees them: its block's own first, then everyone's.
#[derive(Clone, Copy)]
struct Scope<'d> {
    block: Option<(u32, &'d Block)>,
    /// Index of the block's context demands among [`Compiler::filters`].
    filter: Option<u32>,
}

/// Which copy of a named graph: rules and lists are compiled once unless a block sees them
/// differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Variant {
    Shared,
    /// Values are filtered by context.
    Filter(u32),
    /// The block redefines something inside.
    Block(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Name<'d> {
    Rule(&'d str),
    List(&'d str),
}

struct Compiler<'d> {
    draft: &'d Draft,
    machine: Machine,
    slots: HashMap<String, SlotId>,
    filters: Vec<(&'d [Requirement], &'d [Requirement])>,
    /// Names that a shared rule or list reaches, itself included.
    reached: HashMap<Name<'d>, BTreeSet<Name<'d>>>,
    graphs: HashMap<(Name<'d>, Variant), GraphId>,
    /// What was compiled of the forms of entities.
    entities: HashMap<(Name<'static>, Variant), GraphId>,
    /// Numbers among literal words are not matched in their other spelling.
    verbatim: bool,
}

impl<'d> Compiler<'d> {
    fn block(&mut self, sources: &[Source], intent: u32, block: &'d Block) {
        let index = self.machine.blocks.len() as u32;
        let requires = &block.requires[..block.requires.len().min(MAX_REQUIREMENTS)];
        self.machine.blocks.push(BlockInfo {
            intent,
            slots: block.slots.clone(),
            response: block.response.clone(),
            requires: requires.to_vec(),
            excludes: block.excludes.clone(),
            keywords: block.keywords.iter().map(|k| normal(k)).collect(),
        });
        let filter = (!requires.is_empty() || !block.excludes.is_empty()).then(|| {
            let wanted = (requires, block.excludes.as_slice());
            let known = self.filters.iter().position(|f| *f == wanted);
            known.unwrap_or_else(|| {
                self.filters.push(wanted);
                self.filters.len() - 1
            }) as u32
        });
        let scope = Scope { block: Some((index, block)), filter };
        for sentence in &block.sentences {
            let graph = self.graph(&sentence.tree, scope, true);
            let source = &sources[sentence.place.source];
            self.machine.sentences.push(Sentence {
                graph,
                block: index,
                file: source.path.clone(),
                line: source.line_of(sentence.place.yaml.span.start),
                text: sentence.text.trim().to_owned(),
            });
        }
    }

    /// Every list of the files by name, for questions and prompts. Block lists come last and do
    /// not hide shared ones.
    fn named_lists(&mut self) {
        let none = Scope { block: None, filter: None };
        let draft = self.draft;
        let mut all: Vec<(&'d String, &'d List, Scope<'d>)> =
            draft.lists.iter().map(|(name, list)| (name, list, none)).collect();
        let blocks = draft.intents.iter().flat_map(|i| &i.blocks);
        for (index, block) in blocks.enumerate() {
            let scope = Scope { block: Some((index as u32, block)), filter: None };
            all.extend(block.lists.iter().map(|(name, list)| (name, list, scope)));
        }
        let mut infos = BTreeMap::new();
        for (name, list, scope) in all {
            if infos.contains_key(name) {
                continue;
            }
            let arc = self.list_step(name, list, None, scope);
            let values = match &list.kind {
                ListKind::Values(values) => values.iter().map(spoken_value).collect(),
                _ => Vec::new(),
            };
            infos.insert(name.clone(), ListInfo { arc, values });
        }
        self.machine.lists = infos;
    }

    fn graph(&mut self, tree: &'d template::Node, scope: Scope<'d>, is_sentence: bool) -> GraphId {
        let mut nodes = vec![Node::default()];
        let end = self.expr(tree, 0, &mut nodes, scope);
        debug_assert_eq!(end as usize, nodes.len() - 1);
        self.add(nodes, is_sentence)
    }

    fn add(&mut self, nodes: Vec<Node>, is_sentence: bool) -> GraphId {
        let graph = self.machine.finish(nodes, is_sentence);
        self.machine.graphs.push(graph);
        self.machine.graphs.len() as GraphId - 1
    }

    /// Adds `tree` behind node `from`; returns the node it ends on, which is the newest one or
    /// `from` itself.
    fn expr(
        &mut self,
        tree: &'d template::Node,
        from: NodeId,
        nodes: &mut Vec<Node>,
        scope: Scope<'d>,
    ) -> NodeId {
        match &tree.expr {
            Expr::Text(text) if self.verbatim => verbatim(text, from, nodes),
            Expr::Text(text) => literal(text, from, nodes),
            Expr::Sequence(items) => {
                items.iter().fold(from, |at, item| self.expr(item, at, nodes, scope))
            }
            Expr::OneOf(branches) => {
                let ends: Vec<NodeId> =
                    branches.iter().map(|b| self.expr(b, from, nodes, scope)).collect();
                join(&ends, nodes)
            }
            Expr::Maybe(inner) => {
                let end = self.expr(inner, from, nodes, scope);
                join(&[end, from], nodes)
            }
            Expr::AnyOrder(items) => self.any_order(items, from, nodes, scope),
            Expr::Rule(name) => {
                let graph = self.rule(name, scope);
                arc(Step::Call(graph), from, nodes)
            }
            Expr::List(ListRef { list, slot }) => {
                let slot = slot.as_ref().map(|slot| self.slot(slot));
                let step = match list {
                    ListName::Range { from, to, step } => {
                        self.range(NumberRange::whole(*from, *to, *step), slot)
                    }
                    ListName::Named(name) => {
                        let list = find_list(self.draft, scope, name);
                        self.list_step(name, list, slot, scope)
                    }
                };
                arc(step, from, nodes)
            }
        }
    }

    /// A lattice of which parts were said: 2ⁿ nodes, bounded by the checker.
    fn any_order(
        &mut self,
        items: &'d [template::Node],
        from: NodeId,
        nodes: &mut Vec<Node>,
        scope: Scope<'d>,
    ) -> NodeId {
        let graphs: Vec<GraphId> = items
            .iter()
            .map(|item| {
                let mut part = vec![Node::default()];
                let start = arc(Step::Gap, 0, &mut part);
                let end = self.expr(item, start, &mut part, scope);
                arc(Step::Gap, end, &mut part);
                self.add(part, false)
            })
            .collect();
        let first = arc(Step::Skip, from, nodes);
        let all = (1u32 << items.len()) - 1;
        nodes.resize_with(nodes.len() + all as usize, Node::default);
        for said in 0..all {
            for (index, graph) in graphs.iter().enumerate() {
                let bit = 1 << index;
                if said & bit == 0 {
                    let step = Step::Call(*graph);
                    nodes[(first + said) as usize]
                        .arcs
                        .push(Arc { to: first + (said | bit), step });
                }
            }
        }
        first + all
    }

    fn rule(&mut self, name: &'d str, scope: Scope<'d>) -> GraphId {
        let key = (Name::Rule(name), self.variant(Name::Rule(name), scope));
        if let Some(graph) = self.graphs.get(&key) {
            return *graph;
        }
        let rule = find_rule(self.draft, scope, name);
        let graph = self.graph(&rule.tree, scope, false);
        self.graphs.insert(key, graph);
        graph
    }

    fn list_step(
        &mut self,
        name: &'d str,
        list: &'d List,
        slot: Option<SlotId>,
        scope: Scope<'d>,
    ) -> Step {
        match &list.kind {
            ListKind::Wildcard => Step::Wild { slot },
            ListKind::Entity(kind) => Step::Entity { kind: *kind, slot, graph: self.entity(*kind) },
            ListKind::Range(range) => self.range(*range, slot),
            ListKind::Values(values) => {
                let key = (Name::List(name), self.variant(Name::List(name), scope));
                let graph = match self.graphs.get(&key) {
                    Some(graph) => *graph,
                    None => {
                        let graph = self.list(values, scope);
                        self.graphs.insert(key, graph);
                        graph
                    }
                };
                Step::List { graph, slot }
            }
        }
    }

    /// The usual ways to say an entity.
    fn entity(&mut self, kind: Entity) -> GraphId {
        let first = self.machine.graphs.len();
        let mut forms = Compiler {
            draft: forms(),
            machine: std::mem::take(&mut self.machine),
            slots: HashMap::new(),
            filters: Vec::new(),
            reached: HashMap::new(),
            graphs: std::mem::take(&mut self.entities),
            entities: HashMap::new(),
            verbatim: true,
        };
        let graph = forms.rule(kind.name(), Scope { block: None, filter: None });
        (self.machine, self.entities) = (forms.machine, forms.graphs);
        for graph in &mut self.machine.graphs[first..] {
            graph.part = Part::Entity;
        }
        for ((name, _), id) in &self.entities {
            if let Name::Rule(rule) = name
                && writes_figures(rule)
            {
                self.machine.graphs[*id as usize].part = Part::Figures;
            }
        }
        graph
    }

    fn list(&mut self, values: &'d [Value], scope: Scope<'d>) -> GraphId {
        let mut nodes = vec![Node::default()];
        let mut ends = Vec::new();
        let filter = scope.filter.map(|f| self.filters[f as usize]);
        for value in values {
            let mut meets = 0;
            if let Some((requires, excludes)) = filter {
                let refused = |r: &Requirement| value.context.get(&r.key).map(|v| !r.allows(v));
                if requires.iter().any(|r| refused(r) == Some(true))
                    || excludes.iter().any(|r| refused(r) == Some(false))
                {
                    continue;
                }
                for (bit, requirement) in requires.iter().enumerate() {
                    meets |= u8::from(value.context.contains_key(&requirement.key)) << bit;
                }
            }
            let end = self.expr(&value.input.tree, 0, &mut nodes, scope);
            let (out, context) = (value.out.clone(), value.context.clone());
            self.machine.values.push(ListValue { out, context, meets });
            let index = self.machine.values.len() as u32 - 1;
            ends.push(arc(Step::Value(index), end, &mut nodes));
        }
        join(&ends, &mut nodes);
        self.add(nodes, false)
    }

    fn range(&mut self, range: NumberRange, slot: Option<SlotId>) -> Step {
        let ranges = &mut self.machine.ranges;
        let index = ranges.iter().position(|r| *r == range).unwrap_or_else(|| {
            ranges.push(range);
            ranges.len() - 1
        });
        Step::Range { range: index as u32, slot }
    }

    fn slot(&mut self, name: &str) -> SlotId {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        let slot = self.machine.slots.len() as SlotId;
        self.machine.slots.push(name.to_owned());
        self.slots.insert(name.to_owned(), slot);
        slot
    }

    fn variant(&mut self, name: Name<'d>, scope: Scope<'d>) -> Variant {
        let reached = self.reach(name);
        if let Some((index, block)) = scope.block {
            let own = |name: &Name<'_>| match name {
                Name::Rule(rule) => block.rules.contains_key(*rule),
                Name::List(list) => block.lists.contains_key(*list),
            };
            if reached.iter().any(own) {
                return Variant::Block(index);
            }
        }
        let lists = &self.draft.lists;
        let has_context = |name: &Name<'_>| match name {
            Name::List(list) => match lists.get(*list).map(|l| &l.kind) {
                Some(ListKind::Values(values)) => values.iter().any(|v| !v.context.is_empty()),
                _ => false,
            },
            Name::Rule(_) => false,
        };
        match scope.filter {
            Some(filter) if reached.iter().any(has_context) => Variant::Filter(filter),
            _ => Variant::Shared,
        }
    }

    /// Every name that `name` reaches among the shared ones.
    fn reach(&mut self, name: Name<'d>) -> BTreeSet<Name<'d>> {
        if let Some(reached) = self.reached.get(&name) {
            return reached.clone();
        }
        let mut reached = BTreeSet::from([name]);
        let mut trees: Vec<&'d template::Node> = match name {
            Name::Rule(rule) => self.draft.rules.get(rule).map(|r| &r.tree).into_iter().collect(),
            Name::List(list) => match self.draft.lists.get(list).map(|l| &l.kind) {
                Some(ListKind::Values(values)) => values.iter().map(|v| &v.input.tree).collect(),
                _ => Vec::new(),
            },
        };
        while let Some(tree) = trees.pop() {
            match &tree.expr {
                Expr::Text(_) => {}
                Expr::Sequence(items) | Expr::OneOf(items) | Expr::AnyOrder(items) => {
                    trees.extend(items);
                }
                Expr::Maybe(inner) => trees.push(inner),
                Expr::Rule(rule) => reached.extend(self.reach(Name::Rule(rule))),
                Expr::List(ListRef { list: ListName::Named(list), .. }) => {
                    reached.extend(self.reach(Name::List(list)));
                }
                Expr::List(_) => {}
            }
        }
        self.reached.insert(name, reached.clone());
        reached
    }
}

fn find_rule<'d>(draft: &'d Draft, scope: Scope<'d>, name: &str) -> &'d Template {
    let own = scope.block.and_then(|(_, block)| block.rules.get(name));
    own.or_else(|| draft.rules.get(name)).expect("the checker refuses unknown rules")
}

fn find_list<'d>(draft: &'d Draft, scope: Scope<'d>, name: &str) -> &'d List {
    let own = scope.block.and_then(|(_, block)| block.lists.get(name));
    own.or_else(|| draft.lists.get(name)).expect("the checker refuses unknown lists")
}

impl Requirement {
    /// Does this context value do?
    pub fn allows(&self, value: &SlotValue) -> bool {
        self.values.is_empty() || self.values.contains(value)
    }
}
