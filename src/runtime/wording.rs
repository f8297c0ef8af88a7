//! Which words of a reply were heard: text and sound side by side.

use crate::tts::Clause;

/// What is said in one go, clause by clause, as it is handed to the speaker.
#[derive(Debug, Default)]
pub struct Wording {
    text: String,
    /// Where words end, in bytes of the text and samples of the sound, in order.
    ends: Vec<(usize, usize)>,
    /// Samples handed over.
    samples: usize,
}

/// A reply, cut where it was stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    pub said: String,
    pub unsaid: String,
}

impl Wording {
    /// What follows is `clause`, whose words end at these samples after its beginning.
    pub fn begin(&mut self, clause: &Clause, ends: &[usize]) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let before = self.text.len();
        self.text += &clause.text;
        let words = clause.words.iter().zip(ends);
        self.ends.extend(words.map(|(word, end)| (before + word.text, self.samples + end)));
    }

    /// So many more samples of it were handed over.
    pub fn add(&mut self, samples: usize) {
        self.samples += samples;
    }

    /// What was said when so many samples were heard: the words of which at least half sounded.
    pub fn cut(&self, heard: usize) -> Cut {
        let (mut at, mut begin) = (0, 0);
        for (text, end) in &self.ends {
            if (begin + end) / 2 >= heard {
                break;
            }
            (at, begin) = (*text, *end);
        }
        let (said, unsaid) = self.text.split_at(at);
        Cut { said: said.trim().to_owned(), unsaid: unsaid.trim().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tts::WordEnd;

    fn clause(text: &str) -> Clause {
        let ends = text.match_indices(' ').map(|(at, _)| at).chain([text.len()]);
        let words = ends.enumerate().map(|(i, text)| WordEnd { text, ids: i + 2 }).collect();
        Clause { text: text.into(), phonemes: String::new(), ids: vec![], words, pause_after_ms: 0 }
    }

    #[test]
    fn a_reply_is_cut_behind_the_last_word_that_was_half_heard() {
        let mut wording = Wording::default();
        wording.begin(&clause("A large latte,"), &[100, 500, 900]);
        wording.add(1_000);
        wording.begin(&clause("is that right?"), &[200, 400, 800]);
        wording.add(800);
        for (heard, said, unsaid) in [
            (0, "", "A large latte, is that right?"),
            (51, "A", "large latte, is that right?"),
            (299, "A", "large latte, is that right?"),
            (320, "A large", "latte, is that right?"),
            (1_000, "A large latte,", "is that right?"),
            (1_100, "A large latte, is", "that right?"),
            (9_999, "A large latte, is that right?", ""),
        ] {
            let cut = Cut { said: said.into(), unsaid: unsaid.into() };
            assert_eq!(wording.cut(heard), cut, "{heard}");
        }
    }
}
