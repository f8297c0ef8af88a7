//! Weighted edit distance between rows of sounds.

use super::Phone;
use super::phone::{GAP, SUBSTITUTE};

/// Thousandths of a sound, added up.
pub(in crate::nlu) type Milli = u32;

/// Longest row that is compared without asking for memory.
const SHORT: usize = 48;

/// How far two pronunciations are apart, in whole sounds: 1 for a sound more or less, 0.25 to 1 for
/// one heard as another (Wagner & Fischer 1974 over a table of costs).
pub fn distance(a: &[Phone], b: &[Phone]) -> f32 {
    milli_distance(a, b) as f32 / 1000.0
}

/// [`distance`] in thousandths.
pub(in crate::nlu) fn milli_distance(a: &[Phone], b: &[Phone]) -> Milli {
    if a == b {
        return 0;
    }
    if b.len() < SHORT {
        rows(a, b, &mut [0; SHORT][..=b.len()])
    } else {
        rows(a, b, &mut vec![0; b.len() + 1])
    }
}

fn rows(a: &[Phone], b: &[Phone], row: &mut [Milli]) -> Milli {
    let gap = |phone: Phone| Milli::from(GAP[phone as usize]);
    row[0] = 0;
    for (j, &heard) in b.iter().enumerate() {
        row[j + 1] = row[j] + gap(heard);
    }
    for &said in a {
        let costs = &SUBSTITUTE[said as usize];
        let mut corner = row[0];
        row[0] += gap(said);
        for (j, &heard) in b.iter().enumerate() {
            let above = row[j + 1];
            let substituted = corner + Milli::from(costs[heard as usize]);
            row[j + 1] = substituted.min(above + gap(said)).min(row[j] + gap(heard));
            corner = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Pronounce, Spelled};
    use super::*;

    fn between(a: &str, b: &str) -> f32 {
        let phones = |text: &str| -> Vec<Phone> {
            text.split(' ').filter_map(|w| Spelled.pronounce(w)).flatten().collect()
        };
        distance(&phones(a), &phones(b))
    }

    #[test]
    fn words_that_sound_alike_are_near() {
        assert_eq!(between("", ""), 0.0);
        assert_eq!(between("lamp", "lamp"), 0.0);
        for (word, near, far) in [
            ("lamp", "lamb", "kitchen"),
            ("door", "more", "window"),
            ("bed", "pet", "fan"),
            ("fifteen", "fifty", "ninety"),
        ] {
            assert!(between(word, near) < between(word, far), "{word}");
        }
        assert_eq!(between("lamp", ""), 4.0);
    }

    proptest! {
        #[test]
        fn a_distance_is_one(a in "[a-z]{0,60}", b in "[a-z]{0,12}", c in "[a-z]{0,12}") {
            prop_assert_eq!(between(&a, &a), 0.0);
            prop_assert_eq!(between(&a, &b), between(&b, &a));
            prop_assert!(between(&a, &b) <= between(&a, &c) + between(&c, &b) + 1e-3);
        }
    }
}
