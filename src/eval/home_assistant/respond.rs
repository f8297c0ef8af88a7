//! Replies: Home Assistant's Jinja templates, with the objects that its own tests give them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::home::{Entity, Home, Place, State, Timer};
use super::{FolderError, parse};
use crate::nlu::{SlotValue, Slots};

/// When the tests of date and time take place: 17 September 2013, 1:02.
const DATE: (i32, u8, u8) = (2013, 9, 17);
const TIME: (u8, u8) = (1, 2);

/// What the length of a timer is told in.
const PARTS: [&str; 3] = ["hours", "minutes", "seconds"];

/// Steps that one reply may take; a long one takes some hundred.
const RENDER_FUEL: u64 = 50_000;

/// The template of a reply that names no key.
const DEFAULT: &str = "default";

/// Reply templates by intent and key.
#[derive(Default)]
pub struct Responses {
    all: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct ResponseFile {
    responses: ResponseIntents,
}

#[derive(Deserialize)]
struct ResponseIntents {
    #[serde(default)]
    intents: BTreeMap<String, BTreeMap<String, String>>,
}

impl Responses {
    pub fn read(files: &[PathBuf]) -> Result<Self, FolderError> {
        let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for file in files {
            let read: ResponseFile = parse(file)?;
            for (intent, keys) in read.responses.intents {
                all.entry(intent).or_default().extend(keys);
            }
        }
        Ok(Self { all })
    }

    /// What is answered, white space collapsed; `None` when there is no such template.
    ///
    /// # Errors
    /// The template is broken, or uses something that these tests do not give.
    pub fn render(
        &self,
        home: &Home,
        intent: &str,
        key: Option<&str>,
        slots: &Slots,
    ) -> Option<Result<String, String>> {
        let template = self.all.get(intent)?.get(key.unwrap_or(DEFAULT))?;
        let states: Vec<(&Entity, Json)> =
            home.entities.iter().map(|entity| (entity, state(home, entity))).collect();
        let (matched, unmatched) = matching(&states, intent, slots);
        let first = matched.first().or(unmatched.first()).cloned();
        let facts = json!({
            "slots": spoken(home, intent, slots),
            "state": first,
            "query": { "matched": matched, "unmatched": unmatched },
        });
        let text = environment(states).render_str(&plain(template), value(&facts));
        let tidy = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(text.map(tidy).map_err(|error| format!("{error:#}")))
    }
}

/// Jinja2 passes over a colon before the end of a tag, and minijinja does not.
fn plain(template: &str) -> String {
    template.replace(": %}", " %}")
}

fn environment(states: Vec<(&Entity, Json)>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(RENDER_FUEL));
    // Text that is no number is 0 in Jinja2.
    environment.add_filter("float", |value: &Value| {
        f64::try_from(value.clone()).ok().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0.0)
    });
    environment.set_unknown_method_callback(|_, value, method, args| python(value, method, args));
    let attributes: BTreeMap<String, Value> = states
        .into_iter()
        .filter_map(|(entity, state)| Some((entity.id.clone()?, value(&state["attributes"]))))
        .collect();
    environment.add_function("state_attr", move |id: String, name: String| {
        let attribute = attributes.get(&id).and_then(|all| all.get_attr(&name).ok());
        attribute.filter(|value| !value.is_undefined()).unwrap_or(Value::from(()))
    });
    environment
}

/// Facts as the template engine takes them.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(value).collect::<Vec<Value>>()),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(name, entry)| (name.clone(), value(entry)));
            Value::from(entries.collect::<BTreeMap<String, Value>>())
        }
    }
}

/// The methods of Python's values that the templates call.
fn python(value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let unknown = || Error::new(ErrorKind::UnknownMethod, format!("no method `{method}`"));
    match (method, args) {
        ("get", [key, rest @ ..]) => {
            let found = value.get_item(key)?;
            let default = rest.first().cloned().unwrap_or(Value::from(()));
            Ok(if found.is_undefined() { default } else { found })
        }
        ("lower", []) => Ok(value.to_string().to_lowercase().into()),
        ("format", [number]) if value.as_str() == Some("{0:02d}") => {
            let number = i64::try_from(number.clone()).map_err(|_| unknown())?;
            Ok(format!("{number:02}").into())
        }
        _ => Err(unknown()),
    }
}

/// One device as templates see it.
fn state(home: &Home, entity: &Entity) -> Json {
    let (state, said) = match &entity.state {
        Some(State::Said { said, out }) => (out.to_string(), said.to_string()),
        Some(State::Plain(state)) => (state.to_string(), state.to_string()),
        None => (String::new(), String::new()),
    };
    let unit = entity.attributes.get("unit_of_measurement").map(SlotValue::to_string);
    let with_unit = entity.state_with_unit.clone().unwrap_or_else(|| match unit {
        Some(unit) => format!("{said} {unit}"),
        None => said,
    });
    let name = crate::nlu::Entry::named(&entity.name).value.map(|name| name.to_string());
    let area = entity.area.as_deref().and_then(|id| place(&home.areas, id));
    json!({
        "entity_id": entity.id,
        "domain": entity.domain(),
        "name": name,
        "state": state,
        "state_with_unit": with_unit,
        "attributes": entity.attributes,
        "area": area.map(|area| &area.name),
        "floor": area.and_then(|a| a.floor.as_deref()).and_then(|id| place(&home.floors, id))
            .map(|floor| &floor.name),
    })
}

fn place<'h>(places: &'h [Place], id: &str) -> Option<&'h Place> {
    places.iter().find(|place| place.id.as_deref() == Some(id))
}

/// Intents that are for one kind of device, whatever their slots say.
fn domain_of(intent: &str) -> Option<&'static str> {
    Some(match intent {
        "HassClimateGetTemperature" | "HassClimateSetTemperature" => "climate",
        "HassGetWeather" => "weather",
        _ => return None,
    })
}

/// Devices that the slots speak of: those in the state asked for, and the others.
fn matching(states: &[(&Entity, Json)], intent: &str, slots: &Slots) -> (Vec<Json>, Vec<Json>) {
    let wanted = |slot: &str| slots.get(slot).map(|slot| slot.value.to_string());
    let same = |wanted: &Option<String>, found: &Json| {
        wanted.as_ref().is_none_or(|wanted| found.as_str().is_some_and(|f| f == wanted))
    };
    let name = wanted("name").filter(|name| name != "all");
    let (area, floor) = (wanted("area"), wanted("floor"));
    let domain = wanted("domain").or(domain_of(intent).map(str::to_owned));
    let class = wanted("device_class");
    let state = wanted("state");
    let (mut matched, mut unmatched) = (Vec::new(), Vec::new());
    for (_, device) in states {
        let meant = same(&name, &device["name"])
            && same(&area, &device["area"])
            && same(&floor, &device["floor"])
            && same(&domain, &device["domain"])
            && same(&class, &device["attributes"]["device_class"]);
        if meant {
            let is = same(&state, &device["state"]);
            if is { &mut matched } else { &mut unmatched }.push(device.clone());
        }
    }
    (matched, unmatched)
}

/// The slots as templates see them: the words that were said, else the value; and what the program
/// that carries an intent out would add.
fn spoken(home: &Home, intent: &str, slots: &Slots) -> Json {
    let mut spoken: BTreeMap<String, Json> = slots
        .iter()
        .map(|(name, slot)| {
            let text = slot.text.trim();
            let value = if text.is_empty() { json!(slot.value) } else { json!(text) };
            (name.clone(), value)
        })
        .collect();
    let timers = || -> Vec<&Timer> {
        let all = home.timers.iter().flatten();
        all.filter(|timer| is_meant(home, timer, slots)).collect()
    };
    match intent {
        "HassGetCurrentDate" => {
            let (year, month, day) = DATE;
            spoken.insert("date".into(), json!({"year": year, "month": month, "day": day}));
        }
        "HassGetCurrentTime" => {
            let (hour, minute) = TIME;
            spoken.insert("time".into(), json!({"hour": hour, "minute": minute}));
        }
        "HassTimerStatus" => {
            let timers: Vec<Timer> =
                timers().into_iter().map(|timer| running(home, timer)).collect();
            spoken.insert("timers".into(), json!(timers));
        }
        "HassCancelAllTimers" => drop(spoken.insert("canceled".into(), json!(timers().len()))),
        "HassMediaSearchAndPlay" => {
            let wanted = slots.get("search_query").map(|slot| slot.value.to_string());
            let is_wanted = |media: &&BTreeMap<String, SlotValue>| {
                let title = media.get("title").map(|title| title.to_string().to_lowercase());
                title == wanted.as_ref().map(|wanted| wanted.to_lowercase())
            };
            let found: Vec<_> = home.media.iter().flatten().filter(is_wanted).collect();
            spoken.insert("media".into(), json!(found));
        }
        _ => {}
    }
    json!(spoken)
}

/// A timer with what its file leaves out: it runs, and nothing of it is left or was asked for; its
/// room is told by name, in small letters.
fn running(home: &Home, timer: &Timer) -> Timer {
    let zero = |part: &str| (part.to_owned(), SlotValue::Integer(0));
    let mut all: Timer = PARTS
        .iter()
        .flat_map(|part| [zero(&format!("start_{part}")), zero(&format!("rounded_{part}_left"))])
        .collect();
    all.insert("is_active".into(), SlotValue::Bool(true));
    all.extend(timer.clone());
    if let Some(area) = timer.get("area").and_then(|id| place(&home.areas, &id.to_string())) {
        all.insert("area".into(), SlotValue::Text(area.name.to_lowercase()));
    }
    all
}

/// Is this the timer that the slots name, place or time?
fn is_meant(home: &Home, timer: &Timer, slots: &Slots) -> bool {
    let lower = |value: &SlotValue| value.to_string().trim().to_lowercase();
    ["name", "area", "start_hours", "start_minutes", "start_seconds"].iter().all(|key| {
        let Some(wanted) = slots.get(*key) else { return true };
        let own = timer.get(*key).map(|value| {
            let place = place(&home.areas, &value.to_string());
            place.map_or(lower(value), |place| place.name.to_lowercase())
        });
        own == Some(lower(&wanted.value))
    })
}
