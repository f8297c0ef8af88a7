//! Words that carry little meaning of their own.

/// Articles, pronouns, prepositions, forms of "be", "do" and "have", courtesy, hesitation: closed
/// classes of English (Quirk et al. 1985), without those that turn a meaning around: negations,
/// "on", "off", "up", "down", "all", "more", "less". Sorted.
const SMALL: &[&str] = &[
    "'s", "a", "ah", "am", "an", "and", "any", "are", "at", "be", "been", "by", "can", "could",
    "did", "do", "does", "er", "erm", "for", "from", "had", "has", "have", "her", "here", "him",
    "his", "hm", "hmm", "i", "i'd", "i'll", "i'm", "i've", "in", "into", "is", "it", "its", "just",
    "let's", "like", "may", "me", "mhm", "my", "of", "oh", "okay", "ok", "or", "our", "please",
    "shall", "should", "so", "some", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "those", "to", "uh", "um", "us", "was", "we", "well", "were", "will", "with",
    "would", "you", "your",
];

/// Sounds that people make while they think.
const HESITATION: &[&str] =
    &["ah", "eh", "er", "erm", "hm", "hmm", "mhm", "oh", "uh", "um", "well"];

pub(super) fn is_small(word: &str) -> bool {
    SMALL.contains(&word)
}

pub(super) fn is_hesitation(word: &str) -> bool {
    HESITATION.contains(&word)
}

/// Words after which somebody says again what they mean: what stood before is taken back.
pub(super) const CORRECTIONS: &[&[&str]] = &[
    &["no"],
    &["no", "no"],
    &["no", "wait"],
    &["no", "sorry"],
    &["oh", "no"],
    &["sorry"],
    &["wait"],
    &["actually"],
    &["rather"],
    &["or", "rather"],
    &["i", "mean"],
    &["i", "meant"],
    &["no", "i", "mean"],
    &["make", "that"],
    &["scratch", "that"],
];
