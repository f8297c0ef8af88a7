//! Standard input, line by line, on a thread of its own.

use std::io::BufRead;

use crossbeam_channel::{Receiver, bounded};

/// Lines read ahead of the conversation; the reader waits when the queue is full.
const LINES_AHEAD: usize = 1;

pub type Line = std::io::Result<String>;

/// Lines as they come, so that time-outs run while nobody types.
pub fn lines() -> Receiver<Line> {
    let (sender, lines) = bounded(LINES_AHEAD);
    read(move |line| sender.send(line).is_ok());
    lines
}

/// The same for an agent that also listens: when the lines end or cannot be read, it goes on.
pub fn texts() -> Receiver<String> {
    let (sender, texts) = bounded(LINES_AHEAD);
    read(move |line| match line {
        Ok(text) => sender.send(text).is_ok(),
        Err(error) => {
            eprintln!("mynah: standard input cannot be read, so nothing can be typed: {error}");
            false
        }
    });
    texts
}

/// Hands lines on until there are no more or nobody wants them.
fn read(mut wanted: impl FnMut(Line) -> bool + Send + 'static) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if !wanted(line) {
                return;
            }
        }
    });
}
