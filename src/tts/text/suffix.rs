//! Regular endings: plurals and possessives, past tense, -ing.
//!
//! A word the lexicon lacks is read as its stem plus the sound its ending takes after that stem.

use super::lexicon::{Lexicon, Place};
use super::phones::taps_t;
use super::stress::Stress;

/// The plural and possessive sound: "cats" s, "dogs" z, "buses" ᵻz.
pub(super) fn add_s(stem: &str) -> Option<String> {
    let ending = match stem.chars().last()? {
        'p' | 't' | 'k' | 'f' | 'θ' => "s",
        's' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ' => "ᵻz",
        _ => "z",
    };
    Some(format!("{stem}{ending}"))
}

/// The past sound: "walked" t, "played" d, "needed" ᵻd, and a tapped t in "waited".
pub(super) fn add_ed(stem: &str) -> Option<String> {
    let ending = match stem.chars().last()? {
        'p' | 'k' | 'f' | 'θ' | 'ʃ' | 's' | 'ʧ' => "t",
        'd' => "ᵻd",
        't' => match tapped(stem) {
            Some(body) => return Some(format!("{body}ɾᵻd")),
            None if stem == "t" => "ɪd",
            None => "ᵻd",
        },
        _ => "d",
    };
    Some(format!("{stem}{ending}"))
}

pub(super) fn add_ing(stem: &str) -> Option<String> {
    if stem.is_empty() {
        return None;
    }
    Some(tapped(stem).map_or_else(|| format!("{stem}ɪŋ"), |body| format!("{body}ɾɪŋ")))
}

/// The stem without its final t, when that t is tapped before a weak vowel.
fn tapped(stem: &str) -> Option<&str> {
    stem.strip_suffix('t').filter(|body| body.chars().last().is_some_and(taps_t))
}

impl Lexicon {
    /// Reads a word as a known stem with a regular ending.
    pub fn look_up_stem(&self, word: &str, place: Place) -> Option<String> {
        let ing = Place { stress: place.stress.or(Some(Stress::AtLeastSecondary)), ..place };
        self.with_s(word, place)
            .or_else(|| self.with_ed(word, place))
            .or_else(|| self.with_ing(word, ing))
    }

    pub fn with_s(&self, word: &str, place: Place) -> Option<String> {
        let base = word.strip_suffix('s').filter(|base| base.len() >= 2)?;
        let knows = |stem: &str| self.knows(stem);
        let stem = if !base.ends_with('s') && knows(base) {
            base.to_owned()
        } else if let Some(stem) = base.strip_suffix('\'').filter(|stem| knows(stem)) {
            stem.to_owned()
        } else if let Some(stem) = long_ending(word, "es").filter(|s| !s.ends_with('i') && knows(s))
        {
            stem.to_owned()
        } else {
            Some(format!("{}y", long_ending(word, "ies")?)).filter(|stem| knows(stem))?
        };
        add_s(&self.look_up(&stem, place)?)
    }

    fn with_ed(&self, word: &str, place: Place) -> Option<String> {
        let base = word.strip_suffix('d').filter(|base| base.len() >= 3)?;
        let stem = if !base.ends_with('d') && self.knows(base) {
            base
        } else {
            long_ending(word, "ed").filter(|stem| !stem.ends_with('e') && self.knows(stem))?
        };
        add_ed(&self.look_up(stem, place)?)
    }

    fn with_ing(&self, word: &str, place: Place) -> Option<String> {
        let base = word.strip_suffix("ing").filter(|base| base.len() >= 2)?;
        let with_e = format!("{base}e");
        let stem = if base.len() > 2 && self.knows(base) {
            base
        } else if self.knows(&with_e) {
            &with_e
        } else {
            undoubled(base).filter(|stem| self.knows(stem))?
        };
        add_ing(&self.look_up(stem, place)?)
    }
}

/// The word without `ending`, for words of more than four letters.
fn long_ending<'w>(word: &'w str, ending: &str) -> Option<&'w str> {
    word.strip_suffix(ending).filter(|_| word.len() > 4)
}

/// "stopp" → "stop", "panick" → "panic".
fn undoubled(base: &str) -> Option<&str> {
    let &[.., before, last] = base.as_bytes() else { return None };
    let doubled = before == last && b"bcdgklmnprstvxz".contains(&last);
    let hardened = before == b'c' && last == b'k';
    (base.len() > 2 && (doubled || hardened)).then(|| &base[..base.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::super::lexicon::tests::lexicon;
    use super::*;

    #[test]
    fn endings_follow_the_sound_before_them() {
        for (add, stem, want) in [
            (add_s as fn(&str) -> Option<String>, "kˈæt", "kˈæts"),
            (add_s, "dˈɔɡ", "dˈɔɡz"),
            (add_s, "bˈʌs", "bˈʌsᵻz"),
            (add_ed, "wˈɔk", "wˈɔkt"),
            (add_ed, "plˈA", "plˈAd"),
            (add_ed, "nˈid", "nˈidᵻd"),
            (add_ed, "wˈAt", "wˈAɾᵻd"),
            (add_ed, "lˈɪft", "lˈɪftᵻd"),
            (add_ing, "wˈAt", "wˈAɾɪŋ"),
            (add_ing, "lˈɪft", "lˈɪftɪŋ"),
        ] {
            assert_eq!(add(stem).as_deref(), Some(want));
        }
        assert_eq!(add_s("").or(add_ed("")).or(add_ing("")), None);
    }

    #[test]
    fn a_stem_is_found_under_its_spelling_changes() {
        let words = lexicon(
            &[
                ("cup", "kˈʌp"),
                ("stop", "stˈɑp"),
                ("make", "mˈAk"),
                ("panic", "pˈænɪk"),
                ("berry", "bˈɛɹi"),
                ("boss", "bˈɔs"),
                ("add", "ˈæd"),
            ],
            &[],
        );
        for (word, want) in [
            ("cups", Some("kˈʌps")),
            ("cup's", Some("kˈʌps")),
            ("bosses", Some("bˈɔsᵻz")),
            ("berries", Some("bˈɛɹiz")),
            ("making", Some("mˈAkɪŋ")),
            ("stopping", Some("stˈɑpɪŋ")),
            ("panicking", Some("pˈænɪkɪŋ")),
            ("added", Some("ˈædᵻd")),
            ("s", None),
            ("ing", None),
            ("mass", None),
            ("épées", None),
        ] {
            assert_eq!(words.look_up_stem(word, Place::default()).as_deref(), want, "{word}");
        }
    }
}
