//! Examples that mark the words of open slots: `do not let me forget {task=to call mum}`.

use super::super::draft::Mark;
use super::super::template;

/// An example without its marks, and what they say.
pub(super) struct Unmarked {
    pub text: String,
    pub marks: Vec<Mark>,
}

/// Takes the marks out of an example; `None` where its brackets are no marks.
pub(super) fn unmark(written: &str) -> Option<Unmarked> {
    let (mut text, mut marks) = (String::new(), Vec::new());
    let mut rest = written;
    while let Some((before, behind)) = rest.split_once('{') {
        let (mark, behind) = behind.split_once('}')?;
        let (slot, words) = mark.split_once('=')?;
        let (slot, words) = (slot.trim(), words.trim());
        if slot.is_empty() || words.is_empty() {
            return None;
        }
        text.push_str(before);
        text.push_str(words);
        marks.push(Mark { slot: slot.to_owned(), words: words.to_owned() });
        rest = behind;
    }
    text.push_str(rest);
    let plain = |text: &str| !template::is_template(text);
    (plain(&text) && marks.iter().all(|mark| plain(&mark.slot))).then_some(Unmarked { text, marks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_out() {
        for (written, text, marks) in [
            ("it is dark", "it is dark", &[][..]),
            ("{item=milk} is out", "milk is out", &[("item", "milk")]),
            (
                "tell { who = my mum } that {what=i am late}",
                "tell my mum that i am late",
                &[("who", "my mum"), ("what", "i am late")],
            ),
        ] {
            let found = unmark(written).expect("good marks");
            assert_eq!(found.text, text);
            let slots: Vec<_> = found.marks.iter().map(|m| (&*m.slot, &*m.words)).collect();
            assert_eq!(slots, marks);
        }
        for wrong in ["{item}", "{item=}", "{=milk}", "{item=milk", "item=milk}", "[big] {item=a}"]
        {
            assert!(unmark(wrong).is_none(), "{wrong}");
        }
        assert!(unmark("{a={b=c}}").is_none());
    }
}
