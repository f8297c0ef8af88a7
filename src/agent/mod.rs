//! An agent folder: load it, check it, run its tests.
