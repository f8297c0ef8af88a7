//! Parts of speech, in the Penn Treebank's set.

macro_rules! tags {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// A Penn Treebank tag. The order is that of the names, which breaks the tagger's ties.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Tag { $($variant),* }

        impl Tag {
            pub const ALL: &[Tag] = &[$(Tag::$variant),*];

            /// The name as the treebank writes it.
            pub fn name(self) -> &'static str {
                match self { $(Tag::$variant => $name),* }
            }
        }
    };
}

tags! {
    Dollar "$", QuoteClose "''", Comma ",", BracketOpen "-LRB-", BracketClose "-RRB-", Stop ".",
    Colon ":", Address "ADD", Affix "AFX", Conjunction "CC", Cardinal "CD", Determiner "DT",
    Existential "EX", Foreign "FW", Hyphen "HYPH", Preposition "IN", Adjective "JJ",
    AdjectiveMore "JJR", AdjectiveMost "JJS", ListMark "LS", Modal "MD", Superfluous "NFP",
    Noun "NN", ProperNoun "NNP", ProperNouns "NNPS", Nouns "NNS", Predeterminer "PDT",
    Possessive "POS", Pronoun "PRP", PronounPossessive "PRP$", Adverb "RB", AdverbMore "RBR",
    AdverbMost "RBS", Particle "RP", Symbol "SYM", To "TO", Interjection "UH", Verb "VB",
    VerbPast "VBD", VerbIng "VBG", VerbParticiple "VBN", VerbPresent "VBP", VerbThird "VBZ",
    WhDeterminer "WDT", WhPronoun "WP", WhPossessive "WP$", WhAdverb "WRB", Unknown "XX",
    Space "_SP", QuoteOpen "``",
}

impl Tag {
    pub fn is_noun(self) -> bool {
        matches!(self, Self::Noun | Self::ProperNoun | Self::ProperNouns | Self::Nouns)
    }

    pub fn is_verb(self) -> bool {
        (Self::Verb..=Self::VerbThird).contains(&self)
    }

    pub fn is_adjective(self) -> bool {
        matches!(self, Self::Adjective | Self::AdjectiveMore | Self::AdjectiveMost)
    }

    pub fn is_adverb(self) -> bool {
        matches!(self, Self::Adverb | Self::AdverbMore | Self::AdverbMost)
    }

    /// Tags of marks that are not words.
    pub fn is_mark(self) -> bool {
        matches!(
            self,
            Self::Stop
                | Self::Comma
                | Self::BracketOpen
                | Self::BracketClose
                | Self::QuoteOpen
                | Self::QuoteClose
                | Self::Colon
                | Self::Dollar
                | Self::Superfluous
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;

    #[test]
    fn the_order_of_tags_is_the_order_of_their_names() {
        assert!(Tag::ALL.is_sorted_by_key(|tag| tag.name()));
        assert!(Tag::ALL.is_sorted());
    }

    #[test]
    fn word_classes_are_prefixes_of_names() {
        for tag in Tag::ALL {
            assert_eq!(tag.is_noun(), tag.name().starts_with("NN"), "{tag:?}");
            assert_eq!(tag.is_verb(), tag.name().starts_with("VB"), "{tag:?}");
            assert_eq!(tag.is_adjective(), tag.name().starts_with("JJ"), "{tag:?}");
            assert_eq!(tag.is_adverb(), tag.name().starts_with("RB"), "{tag:?}");
        }
    }
}
