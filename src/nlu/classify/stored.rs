//! How trained models lie on disk: little-endian numbers in runs, each behind its length.

/// Most numbers of one run that a file may claim: far above any model, far below any memory.
const MAX_RUN: usize = 1 << 28;

/// Puts a model together.
#[derive(Debug, Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn word(&mut self, word: u32) {
        self.bytes.extend(word.to_le_bytes());
    }

    pub fn words(&mut self, words: impl ExactSizeIterator<Item = u32>) {
        self.word(words.len() as u32);
        words.for_each(|word| self.word(word));
    }

    pub fn floats(&mut self, floats: &[f32]) {
        self.words(floats.iter().map(|x| x.to_bits()));
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u32);
        self.bytes.extend_from_slice(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.raw(text.as_bytes());
    }
}

/// Takes a model apart. Every fault says what was wrong.
#[derive(Debug)]
pub struct Reader<'a> {
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("it is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn word(&mut self) -> Result<u32, String> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn length(&mut self) -> Result<usize, String> {
        let length = self.word()? as usize;
        if length > MAX_RUN { Err(format!("a run of {length} numbers")) } else { Ok(length) }
    }

    pub fn words(&mut self) -> Result<Vec<u32>, String> {
        let length = self.length()?;
        let (words, _) = self.take(4 * length)?.as_chunks::<4>();
        Ok(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    /// Finite numbers.
    pub fn floats(&mut self) -> Result<Vec<f32>, String> {
        let floats: Vec<f32> = self.words()?.into_iter().map(f32::from_bits).collect();
        match floats.iter().find(|x| !x.is_finite()) {
            Some(odd) => Err(format!("it holds the number {odd}")),
            None => Ok(floats),
        }
    }

    pub fn raw(&mut self) -> Result<&'a [u8], String> {
        let length = self.length()?;
        self.take(length)
    }

    pub fn text(&mut self) -> Result<String, String> {
        String::from_utf8(self.raw()?.to_vec()).map_err(|error| error.to_string())
    }
}
