//! The conversation: what is known, what is missing, what to say next.
