//! Every thread and every queue, in one place.
