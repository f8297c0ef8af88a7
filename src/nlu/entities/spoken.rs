//! The usual ways to say each kind of entity, as templates: for those who search sounds.
//!
//! The rules of a kind read far more than anybody expects, and know spellings alone. What is likely
//! to be said is written out beside the rules of each kind, from the same tables; whatever can be
//! said by it, the rules read. But for the minutes of a clock, no number without a unit stands behind
//! what is whole without it, as the year of "may third 2027": a search hears one behind every value.
//! Words stand in full; what recognisers write in figures stands in rules of its own, named with
//! [`FIGURES`] in front, because by sound it is the words again.

#[cfg(test)]
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::LazyLock;

use super::{
    Entity, amount, date, digits, duration, letters, money, ordinal, percentage, temperature, time,
    yes_no,
};
use crate::config::yaml::{Kind, Yaml};
use crate::nlu::draft::{Draft, Fractions, List, ListKind, NumberRange, Place, Template};
use crate::nlu::template;

/// How the name of a rule begins that writes figures.
const FIGURES: &str = "figures_";

/// Everything that is written out. The rule of a kind has the kind's [name](Entity::name).
pub(in crate::nlu) fn forms() -> &'static Draft {
    static FORMS: LazyLock<Draft> = LazyLock::new(|| {
        let mut forms = Forms::default();
        amount::say(&mut forms);
        ordinal::say(&mut forms);
        money::say(&mut forms);
        duration::say(&mut forms);
        date::say(&mut forms);
        time::say(&mut forms);
        percentage::say(&mut forms);
        temperature::say(&mut forms);
        digits::say(&mut forms);
        letters::say(&mut forms);
        yes_no::say(&mut forms);
        let (time, date) = (Entity::Time.name(), Entity::Date.name());
        forms.rule(Entity::When.name(), format!("(<{time}>|<{date}>)"));
        forms.0
    });
    &FORMS
}

/// Is it a rule that writes figures?
pub(in crate::nlu) fn writes_figures(rule: &str) -> bool {
    rule.starts_with(FIGURES)
}

/// Templates that refer to one another.
#[derive(Default)]
pub(super) struct Forms(Draft);

/// How the numbers of a range are said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    Words,
    Figures,
    Both,
}

impl Forms {
    /// `<name>` is what `text` takes.
    pub fn rule(&mut self, name: &str, text: impl Into<String>) {
        let text = text.into();
        let tree = template::parse(&text).expect("these templates are tested");
        self.0.rules.insert(name.to_owned(), Template { text, tree, place: nowhere() });
    }

    /// `<name>` is one of the words or signs, given as templates.
    pub fn one_of<T: Display>(&mut self, name: &str, words: impl IntoIterator<Item = T>) {
        self.rule(name, one_of(words));
    }

    /// `<figures_NAME>` is one of these, written as they are.
    pub fn figures<T: Display>(&mut self, name: &str, written: impl IntoIterator<Item = T>) {
        self.rule(&format!("{FIGURES}{name}"), one_of(written));
    }

    /// `{name:@}` is a whole number.
    pub fn numbers(&mut self, name: &str, from: i64, to: i64, said: As) {
        self.range(name, said, NumberRange::whole(from, to, 1));
    }

    /// `{name:@}` is a number with so many decimals.
    pub fn decimals(&mut self, name: &str, from: i64, to: i64, fractions: Fractions) {
        self.range(name, As::Both, NumberRange { fractions, ..NumberRange::whole(from, to, 1) });
    }

    fn range(&mut self, name: &str, said: As, range: NumberRange) {
        let (words, digits) = (said != As::Figures, said != As::Words);
        let kind = ListKind::Range(NumberRange { words, digits, ..range });
        self.0.lists.insert(name.to_owned(), List { place: nowhere(), kind });
    }
}

/// One of the words, as a template.
pub(super) fn one_of<T: Display>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    format!("({})", words.join("|"))
}

/// These templates come from no file.
fn nowhere() -> Place {
    Place { source: 0, yaml: Yaml { span: 0..0, kind: Kind::Sequence(Vec::new()) } }
}

/// What no rule or list is named by: the checker of files is not run over these.
#[cfg(test)]
pub(super) fn unknown_names() -> BTreeMap<String, String> {
    use template::{Expr, ListName};
    let draft = forms();
    let mut unknown = BTreeMap::new();
    for (name, rule) in &draft.rules {
        let mut open = vec![&rule.tree];
        while let Some(tree) = open.pop() {
            match &tree.expr {
                Expr::Text(_) => {}
                Expr::Sequence(all) | Expr::OneOf(all) | Expr::AnyOrder(all) => open.extend(all),
                Expr::Maybe(inner) => open.push(inner),
                Expr::Rule(other) if draft.rules.contains_key(other) => {}
                Expr::List(list) => {
                    if let ListName::Named(other) = &list.list
                        && !draft.lists.contains_key(other)
                    {
                        unknown.insert(name.clone(), other.clone());
                    }
                }
                Expr::Rule(other) => drop(unknown.insert(name.clone(), other.clone())),
            }
        }
    }
    unknown
}
