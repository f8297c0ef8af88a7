"""The one spelling in which transcripts are compared, and the distance between them: what
src/eval/wer.rs does, for texts that our program did not hear."""

import re

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}
ALOUD = {"%": "percent", "°": "degrees", "&": "and", "+": "plus"}
CURRENCIES = {"$": "dollars", "£": "pounds", "€": "euros"}
NUMBER = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+"
PIECES = re.compile(
    rf"(?P<currency>[$£€](?=\d))?(?P<number>{NUMBER})(?:(?P<ordinal>st|nd|rd|th)(?![^\W_])"
    rf"|\.(?P<decimals>\d+))?"
    r"|(?P<word>[^\W\d_][\w'’‘\u0300-\u036f]*)|(?P<sign>[%°&+])",
    re.IGNORECASE,
)


def cardinal(number):
    words = []
    for size, name in ((10**6, "million"), (1000, "thousand"), (1, "")):
        group = number // size % 1000
        if group >= 100:
            words += [ONES[group // 100], "hundred"]
        if 0 < group % 100 < 20:
            words.append(ONES[group % 100])
        elif group % 100:
            words.append(TENS[group % 100 // 10 - 2])
            words += [ONES[group % 10]] if group % 10 else []
        if group and name:
            words.append(name)
    return words or [ONES[0]]


def spelled(number):
    """A leading zero or more than nine figures are read one by one."""
    if len(number) > 9 or (len(number) > 1 and number[0] == "0"):
        return [ONES[int(digit)] for digit in number]
    return cardinal(int(number))


def ordinal(word):
    return ORDINALS.get(word) or (word[:-1] + "ieth" if word.endswith("y") else word + "th")


def words(text):
    """`text` word by word: lower case, numbers in words, no signs."""
    found = []
    for piece in PIECES.finditer(text):
        if piece["word"]:
            found.append(re.sub("['’‘]", "", piece["word"]).lower())
        elif piece["sign"]:
            found.append(ALOUD[piece["sign"]])
        else:
            number = spelled(piece["number"].replace(",", ""))
            if piece["ordinal"]:
                number[-1] = ordinal(number[-1])
            if piece["decimals"]:
                number += ["point", *(ONES[int(digit)] for digit in piece["decimals"])]
            found += number
            if piece["currency"]:
                found.append(CURRENCIES[piece["currency"]])
    return found


def errors(heard, meant):
    """Substitutions, deletions and insertions between two lists of words."""
    row = list(range(len(meant) + 1))
    for i, a in enumerate(heard, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(meant, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
