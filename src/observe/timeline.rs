//! A conversation as a picture: two lanes of sound over time, with the words and what they meant.

use std::fmt::Write as _;

use super::Event;
use super::console::slot_list;
use crate::units::{SAMPLE_RATE_HZ, SamplePos};

const WIDTH: f64 = 1200.0;
const LANE: f64 = 56.0;
const TOP: f64 = 34.0;
const MARGIN: f64 = 12.0;
/// Columns of the drawn envelope.
const COLUMNS: usize = 600;
const HEARD_COLOUR: &str = "#2f6f8f";
const SAID_COLOUR: &str = "#c2611f";

/// Draws what the microphone heard (`heard`, 16 kHz), what the agent said (`said` at `said_hz`)
/// and the words of `events` as an SVG picture.
pub fn draw(events: &[Event], heard: &[f32], said: &[f32], said_hz: u32) -> String {
    let seconds = (heard.len() as f64 / f64::from(SAMPLE_RATE_HZ))
        .max(said.len() as f64 / f64::from(said_hz))
        .max(0.1);
    let x = |s: f64| MARGIN + s / seconds * (WIDTH - 2.0 * MARGIN);
    let words = words_of(events);
    let height = TOP + 2.0 * LANE + 18.0 + words.len() as f64 * 18.0 + 24.0;
    let mut svg = String::new();
    let mut put = |part: std::fmt::Arguments| {
        let _ = svg.write_fmt(part);
    };
    put(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    ));
    for second in 0..=seconds as u32 {
        let x = x(f64::from(second));
        put(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#e3e3e3\"/>",
            TOP + 2.0 * LANE
        ));
        if second % 5 == 0 {
            put(format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"#777\" font-size=\"11\">{second} s</text>\n",
                TOP - 6.0
            ));
        }
    }
    let lanes = [
        (heard, f64::from(SAMPLE_RATE_HZ), HEARD_COLOUR, TOP + LANE / 2.0),
        (said, f64::from(said_hz), SAID_COLOUR, TOP + 1.5 * LANE),
    ];
    for (sound, rate, colour, middle) in lanes {
        put(format_args!("<path fill=\"{colour}\" d=\""));
        let per_column = seconds * rate / COLUMNS as f64;
        for column in 0..COLUMNS {
            let from = ((column as f64 * per_column) as usize).min(sound.len());
            let to = (((column + 1) as f64 * per_column) as usize).min(sound.len());
            let peak = sound[from..to].iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
            let half = f64::from(peak.min(1.0).sqrt()) * LANE * 0.48;
            put(format_args!(
                "M{:.1} {:.1}v{:.1}h1.2v-{:.1}z",
                x(column as f64 * seconds / COLUMNS as f64),
                middle - half,
                2.0 * half + 0.5,
                2.0 * half + 0.5
            ));
        }
        put(format_args!("\"/>\n"));
    }
    put(format_args!(
        "<text x=\"{MARGIN}\" y=\"14\" fill=\"{HEARD_COLOUR}\">■ heard</text>\
         <text x=\"90\" y=\"14\" fill=\"{SAID_COLOUR}\">■ said</text>\n"
    ));
    for (row, (at, colour, text)) in words.iter().enumerate() {
        let (x, y) = (x(at.0 as f64 / f64::from(SAMPLE_RATE_HZ)), TOP + 2.0 * LANE + 20.0);
        let y = y + row as f64 * 18.0;
        // Words near the right edge grow to the left.
        let anchor = if x > WIDTH * 0.6 { "end" } else { "start" };
        put(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" \
             stroke-opacity=\"0.35\"/><text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{colour}\" \
             text-anchor=\"{anchor}\">{}</text>\n",
            escape(text)
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

/// What is written under the lanes: where it begins, its colour, its words.
fn words_of(events: &[Event]) -> Vec<(SamplePos, &'static str, String)> {
    let mut words: Vec<(SamplePos, &'static str, String)> = Vec::new();
    let mut saying = String::new();
    for event in events {
        match event {
            Event::Transcript { text, span, .. } if !text.is_empty() => {
                words.push((span.start, HEARD_COLOUR, format!("“{text}”")));
            }
            Event::Intent { intent, slots, .. } => {
                if let Some((_, _, line)) = words.last_mut() {
                    let meaning = intent.as_deref().unwrap_or("not understood");
                    let _ = write!(line, " → {meaning} {}", slot_list(slots));
                }
            }
            Event::Say { text } => {
                saying = if saying.is_empty() { text.clone() } else { format!("{saying} {text}") };
            }
            Event::AudioStart { at } => {
                words.push((*at, SAID_COLOUR, format!("“{}”", std::mem::take(&mut saying))));
            }
            _ => {}
        }
    }
    words
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_where_they_were_said_and_are_escaped() {
        let events = [
            Event::Say { text: "1 < 2 & 3".into() },
            Event::AudioStart { at: SamplePos::from_ms(500) },
        ];
        let svg = draw(&events, &[0.1; 16_000], &[0.2; 24_000], 24_000);
        assert!(svg.contains("“1 &lt; 2 &amp; 3”"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn silence_and_nothing_at_all_draw_too() {
        assert!(draw(&[], &[], &[], 24_000).contains("</svg>"));
    }
}
