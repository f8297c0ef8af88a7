//! One table per construct: template, text, reading.

use super::*;

fn check(cases: &[(&str, &str, &str)]) {
    for (template, text, expected) in cases {
        assert_eq!(read(&sentence(template), text), *expected, "{template:?} on {text:?}");
    }
}

#[test]
fn literal_words() {
    check(&[
        ("turn on", "turn on", "I"),
        ("turn on", " Turn,  ON! ", "I"),
        ("turn on", "turn", "-"),
        ("turn on", "turn on now", "-"),
        ("turn on", "turnon", "-"),
        ("turn on", "turn onto", "-"),
        ("what's up", "What’s up?", "I"),
        ("up-to-date", "up to date", "I"),
        ("up to date", "up-to-date", "I"),
        ("Turn ON, now!", "turn on now", "I"),
        ("Caf\u{e9}", "cafe\u{301}", "I"),
        ("turn on", "", "-"),
        ("turn on", "?!", "-"),
    ]);
}

#[test]
fn alternatives_and_optionals() {
    check(&[
        ("(turn|switch) on", "switch on", "I"),
        ("(turn|switch) on", "on", "-"),
        ("(turn|switch up) on", "switch up on", "I"),
        ("turn on|switch off", "switch off", "I"),
        ("[please do] go", "go", "I"),
        ("[please do] go", "please do go", "I"),
        ("[please do] go", "do go", "-"),
        ("go [home|away]", "go away", "I"),
        ("go (home|)", "go", "I"),
        ("go [[right] now] there", "go now there", "I"),
        ("go [[right] now] there", "go right there", "-"),
        ("light[s] on", "lights on", "I"),
        ("light[s] on", "light on", "I"),
        ("light[s] on", "light s on", "-"),
        ("(un|)lock", "unlock", "I"),
        ("[re]start", "start", "I"),
        ("what('s| is) up", "what's up", "I"),
        ("what('s| is) up", "what is up", "I"),
        ("a[ [very] big] b", "a very big b", "I"),
        ("a [b] [c] [d] e", "a e", "I"),
        (r"a \(b\)", "a b", "I"),
    ]);
}

#[test]
fn parts_in_any_order() {
    check(&[
        ("turn (on;the light)", "turn on the light", "I"),
        ("turn (on;the light)", "turn the light on", "I"),
        ("turn (on;the light)", "turn on", "-"),
        ("turn (on;the light)", "turn on on", "-"),
        ("(a;b;c) d", "c a b d", "I"),
        ("(a;b;c) d", "c a c d", "-"),
        ("get (([{size}]);([{room}])) now", "get now", "I"),
        (
            "get ([{size}];[{room}]) now",
            "get kitchen small now",
            "I room=\"kitchen_1\" size=\"small\"",
        ),
        ("get ([{size}];[{room}]) now", "get small now", "I size=\"small\""),
        ("get ([{size}];[{room}]) now", "get small large now", "-"),
        ("x(a;b)y", "x a b y", "I"),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("{size} one", "large one", "I size=\"large\""),
        ("{size} one", "huge one", "-"),
        ("{size:cup} one", "Small one", "I cup=\"small\""),
        ("{size}", "12 ounce", "I size=\"twelve ounce\""),
        ("go to {room}", "go to the living room", "I room=\"living\""),
        ("go to {room}", "go to cook house", "I room=\"kitchen_1\""),
        ("go to {room}", "go to cook", "-"),
        ("the {room}'s light", "the kitchen's light", "I room=\"kitchen_1\""),
        ("{room}['s] light", "kitchen light", "I room=\"kitchen_1\""),
        ("light {flag}", "light on", "I flag=true"),
        ("light {flag}", "light half", "I flag=0.5"),
        ("light {flag}", "light as it is", "I flag=\"as it is\""),
        ("a {size:@heard} one", "a large one", "I"),
        ("go <in_room>", "go in my kitchen", "I room=\"kitchen_1\""),
        ("go [<in_room>] {size}", "go large", "I size=\"large\""),
        ("{size} {room}", "small kitchen", "I room=\"kitchen_1\" size=\"small\""),
        ("({size:a}|{room:b})", "kitchen", "I b=\"kitchen_1\""),
    ]);
}

#[test]
fn ranges() {
    check(&[
        ("to {level}", "to 50", "I level=50"),
        ("to {level}", "to fifty", "I level=50"),
        ("to {level}", "to twenty-five", "I level=25"),
        ("to {level}", "to one hundred", "I level=100"),
        ("to {level}", "to a hundred", "I level=100"),
        ("to {level}", "to 101", "-"),
        ("to {level}", "to -1", "-"),
        ("to {level}", "to 20.5", "-"),
        ("to {level}[([ ]%)| percent]", "to 50%", "I level=50"),
        ("to {level}[([ ]%)| percent]", "to 50 %", "I level=50"),
        ("to {level}[([ ]%)| percent]", "to fifty percent", "I level=50"),
        ("to {level}[([ ]%)| percent]", "to 50percent", "-"),
        ("{level} [{size}]", "twenty large", "I level=20 size=\"large\""),
        ("{temp} degree[s]", "20.5 degrees", "I temp=20.5"),
        ("{temp} degree[s]", "twenty point five degrees", "I temp=20.5"),
        ("{temp} degree[s]", "minus five degrees", "I temp=-5"),
        ("{temp} degree[s]", "20.3 degrees", "-"),
        ("{even}", "five", "-"),
        ("{even}", "six", "I even=3"),
        ("{even}", "2", "I even=1"),
        ("{1..6:die}", "five", "I die=5"),
        ("{0..10,5:n} points", "5 points", "I n=5"),
        ("{0..10,5:n} points", "6 points", "-"),
        ("{level:a} and {level:b}", "twenty and five", "I a=20 b=5"),
    ]);
}

#[test]
fn numbers_as_literals_have_two_spellings() {
    check(&[
        ("two shots", "2 shots", "I"),
        ("2 shots", "two shots", "I"),
        ("twenty five", "25", "I"),
        ("25", "twenty-five", "I"),
        ("twenty [five] things", "20 things", "I"),
        ("(one|two)[s]", "2", "I"),
        ("(one|two)[s]", "twos", "I"),
        ("two shots", "2nd shots", "-"),
        ("1/2 cup", "1/2 cup", "I"),
    ]);
}

#[test]
fn wildcards() {
    check(&[
        ("play {thing}", "play Don’t Stop, Me", "I thing=\"Don’t Stop, Me\""),
        ("play {thing}", "play", "-"),
        (
            "play {thing} in {room}",
            "play songs in rain in kitchen",
            "I room=\"kitchen_1\" thing=\"songs in rain\"",
        ),
        ("{thing} in {room}", "dance in kitchen", "I room=\"kitchen_1\" thing=\"dance\""),
        ("{thing:a} and {thing:b}", "x and y and z", "I a=\"x\" b=\"y and z\""),
        ("{thing}['s] car", "bob's car", "I thing=\"bob\""),
        ("the {thing}s", "the cats", "I thing=\"cat\""),
        ("a{thing}", "a cat", "-"),
    ]);
}

#[test]
fn skip_words_are_passed_over_anywhere_between_words() {
    check(&[
        ("turn on", "please turn on", "I"),
        ("turn on", "could you please turn on", "I"),
        ("turn on", "turn please on please", "I"),
        ("turn on", "turn pleased on", "-"),
        ("turn on", "I’d like turn on", "I"),
        ("please me", "please me", "I"),
        ("go to {room}", "go to the please living room", "I room=\"living\""),
        ("{size}", "please large please", "I size=\"large\""),
    ]);
    let size = sentence("{size}").interpret("please large please").slots["size"].clone();
    assert_eq!(size.text, "large");
    let wild = sentence("play {thing}").interpret("play jazz please").slots["thing"].clone();
    assert_eq!(wild.text, "jazz");
}

#[test]
fn completeness_says_whether_the_words_can_end_here() {
    let coffee = sentence("can i have [a] [{size}] latte [with {flag:milk} milk]");
    for (text, expected) in [
        ("can i have a large latte with half milk", Complete),
        ("can i have a large latte", MayContinue),
        ("can i have a large latte with", CannotEnd),
        ("can i have a large", CannotEnd),
        ("can i have a twelve", CannotEnd),
        ("can", CannotEnd),
        ("please", CannotEnd),
        ("could you please", CannotEnd),
        ("can i have a large please", CannotEnd),
        ("i would like a tea", MayContinue),
        ("", MayContinue),
    ] {
        let heard = coffee.interpret(text);
        assert_eq!(heard.completeness, expected, "{text}");
        assert_eq!(heard.intent.is_some(), heard.status == Status::Accepted);
    }
    for (template, text, expected) in [
        ("play {thing}", "play jazz", MayContinue),
        ("play {thing}", "play", CannotEnd),
        ("{thing} in the kitchen", "open the pod bay doors", MayContinue),
        ("{thing} in the kitchen", "dance in", CannotEnd),
        ("to {level}", "to twenty", MayContinue),
        ("to {level}", "to 20", Complete),
        ("to {level}", "to twenty five", Complete),
        ("to {level}", "to a", CannotEnd),
        ("to {temp}", "to minus", CannotEnd),
        ("to {temp}", "to twenty point", CannotEnd),
        ("light[s]", "light", Complete),
        ("go (left;now)", "go now", CannotEnd),
        ("go (left;now)", "go now left", Complete),
        ("go [<in_room>]", "go", MayContinue),
    ] {
        let heard: Completeness = sentence(template).interpret(text).completeness;
        assert_eq!(heard, expected, "{template:?} on {text:?}");
    }
}

#[test]
fn what_could_still_be_filled_is_counted() {
    for (template, text, expected) in [
        ("go [to {room}]", "go", 1),
        ("go [to {room}]", "go to kitchen", 0),
        ("go [to {room} [at {level}]]", "go", 2),
        ("go [to {room} [at {level}]]", "go to kitchen", 1),
        ("go [(to {room} and {level}|to {size})]", "go", 2),
        ("go [({room};{level};{size})]", "go", 3),
        // A value may grow; what cannot end, or fills nothing, tells nothing.
        ("to {level}", "to twenty", 1),
        ("go to {room}", "go to", 0),
        ("go [now]", "go", 0),
    ] {
        let heard = sentence(template).interpret(text);
        assert_eq!(heard.slots_ahead, expected, "{template:?} on {text:?}");
    }
}
