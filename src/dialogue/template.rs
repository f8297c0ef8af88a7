//! Reply templates: minijinja text with the conversation's facts filled in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use crate::clock::Moment;
use crate::nlu::{SlotValue, Slots};

/// Largest rendered reply, in characters: about a minute of speech. Longer is a template mistake.
const LONGEST_REPLY: usize = 1_000;

/// One template of a reply, known to be well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TemplateError {
    /// Line inside the template, counted from 1, when minijinja knows it.
    pub line: Option<usize>,
    pub what: String,
    /// The template is right but these facts do not suit it (`1 + "large"`): another visitor's
    /// words may.
    pub depends_on_facts: bool,
}

/// What a template may speak of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    pub agent: &'a str,
    pub slots: Option<&'a Slots>,
    /// The rendered summary of the intent.
    pub summary: Option<&'a str>,
    /// First line that the action's program printed.
    pub outcome: Option<&'a str>,
    /// The visitor's words.
    pub said: Option<&'a str>,
    /// When it is said; read as `now.hour` and so on.
    pub now: Option<&'a Moment>,
}

/// One part of `now`, and how it is read off.
type PartOfNow = (&'static str, fn(&Moment) -> Value);

const NOW: &[PartOfNow] = &[
    ("year", |now| Value::from(now.year())),
    ("month", |now| Value::from(now.month())),
    ("day", |now| Value::from(now.day())),
    ("weekday", |now| Value::from(now.weekday())),
    ("hour", |now| Value::from(now.hour())),
    ("minute", |now| Value::from(now.minute())),
    ("second", |now| Value::from(now.second())),
    ("clock", |now| Value::from(now.clock())),
    ("date", |now| Value::from(now.date())),
];

/// What may follow `now.` in a template.
pub fn parts_of_now() -> impl Iterator<Item = &'static str> {
    NOW.iter().map(|(name, _)| *name)
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // A slot that is not filled prints nothing; misspelt names are found when the agent is checked.
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.add_filter("a_or_an", a_or_an);
    // A reply is a sentence or two; whatever takes longer than this is a loop by mistake. Without
    // `namespace` nothing can grow from one round of a loop to the next.
    environment.set_fuel(Some(RENDER_FUEL));
    environment.remove_global("namespace");
    environment
});

/// Names that templates may call without declaring them.
const FUNCTIONS: &[&str] = &["range", "dict", "loop"];

/// Steps of the template engine that one reply may take; a long one takes some hundred.
const RENDER_FUEL: u64 = 50_000;

impl Template {
    pub fn new(source: impl Into<String>) -> Result<Self, TemplateError> {
        let source = source.into();
        ENVIRONMENT.template_from_str(&source).map_err(TemplateError::from)?;
        Ok(Self(source))
    }

    /// The names the template looks up, dotted (`slots.size`), in name order.
    pub fn variables(&self) -> Vec<String> {
        let mut names: Vec<String> = ENVIRONMENT
            .template_from_str(&self.0)
            .map(|t| t.undeclared_variables(true).into_iter().collect())
            .unwrap_or_default();
        names.retain(|name| !FUNCTIONS.contains(&name.as_str()));
        names.sort();
        names
    }

    /// The text to speak: white space collapsed, none before punctuation.
    pub fn render(&self, facts: &Facts) -> Result<String, TemplateError> {
        let text = ENVIRONMENT.render_str(&self.0, facts.to_value())?;
        let text = tidy(&text);
        if text.chars().count() > LONGEST_REPLY {
            return Err(TemplateError {
                line: None,
                what: format!("the reply is longer than {LONGEST_REPLY} characters"),
                depends_on_facts: true,
            });
        }
        Ok(text)
    }
}

impl Facts<'_> {
    fn to_value(self) -> Value {
        let mut facts = BTreeMap::from([("agent", Value::from(self.agent))]);
        if let Some(slots) = self.slots {
            let slots: BTreeMap<String, Value> =
                slots.iter().map(|(name, slot)| (name.clone(), slot_value(&slot.value))).collect();
            facts.insert("slots", Value::from(slots));
        }
        if let Some(now) = self.now {
            let parts: BTreeMap<&str, Value> =
                NOW.iter().map(|(name, read)| (*name, read(now))).collect();
            facts.insert("now", Value::from(parts));
        }
        for (name, fact) in
            [("summary", self.summary), ("outcome", self.outcome), ("said", self.said)]
        {
            if let Some(fact) = fact {
                facts.insert(name, Value::from(fact));
            }
        }
        Value::from(facts)
    }
}

fn slot_value(value: &SlotValue) -> Value {
    match value {
        SlotValue::Bool(v) => Value::from(*v),
        SlotValue::Integer(v) => Value::from(*v),
        SlotValue::Number(v) => Value::from(*v),
        SlotValue::Text(v) => Value::from(v.as_str()),
    }
}

impl From<minijinja::Error> for TemplateError {
    fn from(error: minijinja::Error) -> Self {
        let depends_on_facts = !matches!(
            error.kind(),
            ErrorKind::SyntaxError
                | ErrorKind::UnknownFilter
                | ErrorKind::UnknownTest
                | ErrorKind::UnknownFunction
                | ErrorKind::UnknownMethod
                | ErrorKind::TemplateNotFound
        );
        let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Self { line: error.line(), what, depends_on_facts }
    }
}

/// `large latte` → `a large latte`, `eight ounce latte` → `an eight ounce latte`. Goes by the
/// first letter, which is right for all but a few English words ("hour", "unit").
fn a_or_an(words: &str) -> String {
    let vowel = words.chars().next().is_some_and(|c| "aeiouAEIOU".contains(c));
    format!("{} {words}", if vowel { "an" } else { "a" })
}

/// Templates written over several lines leave gaps where a slot is not filled.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !tidied.is_empty() && !word.starts_with([',', '.', '!', '?', ';', ':']) {
            tidied.push(' ');
        }
        tidied.push_str(word);
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::nlu::Slot;
    use crate::units::SamplePos;

    fn slots(pairs: &[(&str, &str)]) -> Slots {
        pairs
            .iter()
            .map(|(name, value)| {
                let slot = Slot { value: SlotValue::Text((*value).into()), text: String::new() };
                ((*name).to_owned(), slot)
            })
            .collect()
    }

    #[test]
    fn slots_are_filled_in_and_gaps_are_closed() {
        let template = Template::new(
            "{{ [slots.size, slots.roast, slots.drink] | select | join(' ') | a_or_an }}
             {% if slots.milk %} with {{ slots.milk }} {% endif %}, right?",
        )
        .unwrap();
        for (given, spoken) in [
            (&[("size", "large"), ("drink", "latte")][..], "a large latte, right?"),
            (&[("drink", "americano"), ("milk", "cream")][..], "an americano with cream, right?"),
        ] {
            let slots = slots(given);
            let facts = Facts { slots: Some(&slots), ..Facts::default() };
            assert_eq!(template.render(&facts).unwrap(), spoken);
        }
    }

    #[test]
    fn the_time_can_be_told_and_compared() {
        let template = Template::new(
            "Good {{ 'morning' if now.hour < 12 else 'day' }}. It is {{ now.clock }} on
             {{ now.weekday }}, {{ now.date }} {{ now.year }}.",
        )
        .unwrap();
        let now = Clock::default().at(SamplePos::from_ms(11 * 60 * 1000));
        let facts = Facts { now: Some(&now), ..Facts::default() };
        let said = "Good morning. It is 10:11 AM on Monday, January 5 2026.";
        assert_eq!(template.render(&facts).unwrap(), said);
    }

    #[test]
    fn the_names_a_template_uses_are_known_before_it_is_used() {
        let template = Template::new(
            "{{ slots.size }} {% for n in range(2) %}{{ n }}{% endfor %} {{ agent }}",
        )
        .unwrap();
        assert_eq!(template.variables(), ["agent", "slots.size"]);
    }

    #[test]
    fn a_broken_template_says_where() {
        let error = Template::new("one\n{{ slots.size ").unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(!error.depends_on_facts);
    }

    #[test]
    fn an_unknown_filter_is_a_mistake_and_an_unlucky_value_is_not() {
        let render = |source: &str| {
            let slots = slots(&[("size", "large")]);
            let facts = Facts { slots: Some(&slots), ..Facts::default() };
            Template::new(source).unwrap().render(&facts).unwrap_err()
        };
        assert!(!render("{{ slots.size | shout }}").depends_on_facts);
        assert!(render("{{ slots.size + 1 }}").depends_on_facts);
        assert!(render("{{ 'ha' * 600 }}").depends_on_facts);
    }

    #[test]
    fn a_loop_without_end_is_an_error_and_not_a_hang() {
        let facts = Facts { agent: "a", ..Facts::default() };
        for source in [
            "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}x",
            "{% set ns = namespace(x='ab') %}{{ ns.x }}",
        ] {
            let template = Template::new(source);
            assert!(template.and_then(|t| t.render(&facts)).is_err(), "{source}");
        }
    }
}
