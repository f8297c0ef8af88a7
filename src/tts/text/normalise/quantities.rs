//! Figures with marks between them: telephone numbers, fractions, ranges, a plus in front.

use super::dates::month_and_day;
use super::rewrite::Rewrite;

pub(super) struct Quantities {
    telephone: Rewrite,
    fraction: Rewrite,
    range: Rewrite,
    plus: Rewrite,
    months: Vec<String>,
}

/// Names of one part of two, three, … ten.
const PARTS: [&str; 9] =
    ["half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
/// What may follow: the end of a sentence too, but no mark inside something longer.
const ENDS: &str = r"(?:[^\w./%-]|[.-](?:\W|$)|$)";

impl Quantities {
    pub fn new(months: &[String]) -> Self {
        let before = r"(?:^|[^\w.-])";
        Self {
            telephone: Rewrite::between(before, "(?:[0-9]{3}-)?[0-9]{3}-[0-9]{4}", ENDS),
            fraction: Rewrite::between(r"(?:^|[^\w./])", "([0-9]{1,2})/([0-9]{1,2})", ENDS),
            range: Rewrite::between(before, r"([0-9]{1,4}) ?[-–] ?([0-9]{1,4})", ENDS),
            plus: Rewrite::between(r"(?:^|[^\w+])", r"\+", "[0-9]"),
            months: months.to_vec(),
        }
    }

    pub fn apply(&self, text: String) -> String {
        let text = self.telephone.apply(text, |number, _| {
            // Figure by figure, with a breath between the groups.
            let groups = number[1].split('-').map(|group| {
                group.chars().map(|figure| figure.to_string()).collect::<Vec<_>>().join(" ")
            });
            Some(groups.collect::<Vec<_>>().join(", "))
        });
        let text = self.fraction.apply(text, |fraction, _| {
            Some(self.fraction(fraction[2].parse().ok()?, fraction[3].parse().ok()?))
        });
        let text =
            self.range.apply(text, |range, _| Some(format!("{} to {}", &range[2], &range[3])));
        self.plus.apply(text, |_, _| Some("plus ".to_owned()))
    }

    /// A part of something, else a day of the year, else two numbers.
    fn fraction(&self, over: u32, under: u32) -> String {
        if 0 < over && over < under && under <= 10 {
            let part = PARTS[under as usize - 2];
            return match (over, part) {
                (1, "half") => "one half".to_owned(),
                (1, _) => format!("1 {part}"),
                _ => format!("{over} {part}s"),
            };
        }
        month_and_day(&self.months, over, under).unwrap_or_else(|| format!("{over} slash {under}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::dates::months;
    use super::*;

    #[test]
    fn figures_with_marks_are_spoken() {
        let quantities = Quantities::new(&months());
        for (text, want) in [
            ("call 555-0199 now", "call 5 5 5, 0 1 9 9 now"),
            ("call 212-555-0199.", "call 2 1 2, 5 5 5, 0 1 9 9."),
            ("1/2 a cup, 3/4.", "one half a cup, 3 quarters."),
            ("on 12/25", "on December twenty-fifth"),
            ("24/7", "24 slash 7"),
            ("2-4 cups, 5 – 6", "2 to 4 cups, 5 to 6"),
            ("2-4.", "2 to 4."),
            ("A-4-5, 1-2-3, 10-20%", "A-4-5, 1-2-3, 10-20%"),
            ("+5 and 2+2", "plus 5 and 2+2"),
        ] {
            assert_eq!(quantities.apply(text.into()), want, "{text}");
        }
    }
}
