//! A small alphabet of English sounds, and how easily each is heard as another.

/// A sound of American English, without stress. The names are those of the ARPAbet (Shoup 1980);
/// `Ax` is the vowel of unstressed syllables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Phone {
    Aa, Ae, Ah, Ao, Aw, Ax, Ay, Eh, Er, Ey, Ih, Iy, Ow, Oy, Uh, Uw,
    B, Ch, D, Dh, F, G, Hh, Jh, K, L, M, N, Ng, P, R, S, Sh, T, Th, V, W, Y, Z, Zh,
}

use Phone::*;

/// How many sounds there are.
pub(super) const COUNT: usize = Zh as usize + 1;

impl Phone {
    /// All sounds, in order.
    #[rustfmt::skip]
    pub const ALL: [Self; COUNT] = [
        Aa, Ae, Ah, Ao, Aw, Ax, Ay, Eh, Er, Ey, Ih, Iy, Ow, Oy, Uh, Uw,
        B, Ch, D, Dh, F, G, Hh, Jh, K, L, M, N, Ng, P, R, S, Sh, T, Th, V, W, Y, Z, Zh,
    ];
}

/// Thousandths of a sound.
pub(super) type Milli = u16;

/// Cost of hearing one sound as another.
pub(super) const SUBSTITUTE: [[Milli; COUNT]; COUNT] = substitutions();

/// Cost of hearing a sound that was not made, or of missing one that was.
pub(super) const GAP: [Milli; COUNT] = gaps();

/// Where a consonant is made, from the lips back.
#[derive(Clone, Copy)]
enum Place {
    Lips,
    Teeth,
    Ridge,
    Palate,
    Back,
}

#[derive(Clone, Copy)]
enum Manner {
    Stop,
    Affricate,
    Fricative,
    Nasal,
    Liquid,
    Glide,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Height of the tongue (0 low to 4 high) and its place (0 front to 4 back), averaged over a
    /// diphthong; whether it is one.
    Vowel(i16, i16, bool),
    Consonant(Place, Manner, bool),
}

const fn kind(phone: Phone) -> Kind {
    use Kind::{Consonant, Vowel};
    use Manner::{Affricate, Fricative, Glide, Liquid, Nasal, Stop};
    use Place::{Back, Lips, Palate, Ridge, Teeth};
    match phone {
        Aa => Vowel(0, 3, false),
        Ae => Vowel(0, 0, false),
        Ah => Vowel(1, 2, false),
        Ao => Vowel(1, 4, false),
        Aw => Vowel(1, 3, true),
        Ax => Vowel(2, 2, false),
        Ay => Vowel(1, 1, true),
        Eh => Vowel(2, 0, false),
        Er => Vowel(2, 2, false),
        Ey => Vowel(3, 0, true),
        Ih => Vowel(3, 1, false),
        Iy => Vowel(4, 0, false),
        Ow => Vowel(2, 4, true),
        Oy => Vowel(2, 2, true),
        Uh => Vowel(3, 3, false),
        Uw => Vowel(4, 4, false),
        B => Consonant(Lips, Stop, true),
        Ch => Consonant(Palate, Affricate, false),
        D => Consonant(Ridge, Stop, true),
        Dh => Consonant(Teeth, Fricative, true),
        F => Consonant(Lips, Fricative, false),
        G => Consonant(Back, Stop, true),
        Hh => Consonant(Back, Fricative, false),
        Jh => Consonant(Palate, Affricate, true),
        K => Consonant(Back, Stop, false),
        L => Consonant(Ridge, Liquid, true),
        M => Consonant(Lips, Nasal, true),
        N => Consonant(Ridge, Nasal, true),
        Ng => Consonant(Back, Nasal, true),
        P => Consonant(Lips, Stop, false),
        R => Consonant(Palate, Liquid, true),
        S => Consonant(Ridge, Fricative, false),
        Sh => Consonant(Palate, Fricative, false),
        T => Consonant(Ridge, Stop, false),
        Th => Consonant(Teeth, Fricative, false),
        V => Consonant(Lips, Fricative, true),
        W => Consonant(Lips, Glide, true),
        Y => Consonant(Palate, Glide, true),
        Z => Consonant(Ridge, Fricative, true),
        Zh => Consonant(Palate, Fricative, true),
    }
}

/// Pairs that the features place too far apart.
const CLOSE: &[(Phone, Phone, Milli)] = &[
    (Er, R, 350),
    (Er, Ax, 300),
    (W, Uw, 450),
    (Y, Iy, 450),
    (L, W, 550),
    (L, Ow, 700),
    (Dh, D, 350),
    (Th, T, 500),
    (Th, F, 350),
    (Dh, V, 450),
    (Ch, T, 500),
    (Jh, D, 500),
    (Hh, F, 600),
];

const fn substitutions() -> [[Milli; COUNT]; COUNT] {
    let mut table = [[0; COUNT]; COUNT];
    let mut a = 0;
    while a < COUNT {
        let mut b = 0;
        while b < COUNT {
            if a != b {
                table[a][b] = apart(kind(Phone::ALL[a]), kind(Phone::ALL[b]));
            }
            b += 1;
        }
        a += 1;
    }
    let mut pair = 0;
    while pair < CLOSE.len() {
        let (a, b, cost) = CLOSE[pair];
        table[a as usize][b as usize] = cost;
        table[b as usize][a as usize] = cost;
        pair += 1;
    }
    table
}

/// Vowels are near each other, as are consonants that differ only in voice; a vowel and a
/// consonant have nothing in common.
const fn apart(a: Kind, b: Kind) -> Milli {
    match (a, b) {
        (Kind::Vowel(height_a, back_a, glides_a), Kind::Vowel(height_b, back_b, glides_b)) => {
            let steps = (height_a - height_b).abs() + (back_a - back_b).abs();
            let cost = 250 + 75 * steps + if glides_a == glides_b { 0 } else { 100 };
            if cost > 750 { 750 } else { cost as Milli }
        }
        (
            Kind::Consonant(place_a, manner_a, voice_a),
            Kind::Consonant(place_b, manner_b, voice_b),
        ) => {
            let steps = (place_a as i16 - place_b as i16).abs();
            let place = if steps == 0 { 0 } else { 300 + 50 * steps };
            let manner = if manner_a as u8 == manner_b as u8 { 0 } else { 400 };
            let voice = if voice_a as u8 == voice_b as u8 { 0 } else { 250 };
            let cost = place + manner + voice;
            if cost > 1000 { 1000 } else { cost as Milli }
        }
        _ => 1000,
    }
}

/// Weak sounds come and go: the unstressed vowel, a breath, a stop at the end of a word.
const fn gaps() -> [Milli; COUNT] {
    let mut table = [1000; COUNT];
    table[Ax as usize] = 650;
    table[Hh as usize] = 700;
    table[T as usize] = 800;
    table[D as usize] = 800;
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_itself_and_nearness_is_mutual() {
        for (i, a) in Phone::ALL.iter().enumerate() {
            assert_eq!(*a as usize, i);
            assert_eq!(SUBSTITUTE[i][i], 0);
            for (j, row) in SUBSTITUTE.iter().enumerate() {
                assert_eq!(SUBSTITUTE[i][j], row[i]);
                assert!(i == j || (250..=1000).contains(&row[i]), "{a:?} {:?}", Phone::ALL[j]);
            }
        }
    }

    #[test]
    fn alike_sounds_are_nearer() {
        let cost = |a: Phone, b: Phone| SUBSTITUTE[a as usize][b as usize];
        for ((a, b), (c, d)) in [
            ((S, Z), (S, K)),
            ((P, B), (P, S)),
            ((M, N), (M, T)),
            ((Ih, Iy), (Ih, Aa)),
            ((Ih, Aa), (Ih, T)),
            ((Er, R), (Er, S)),
        ] {
            assert!(cost(a, b) < cost(c, d), "{a:?} {b:?} {c:?} {d:?}");
        }
    }
}
