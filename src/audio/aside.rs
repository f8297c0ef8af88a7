//! Closing devices without waiting for them.

/// Drops `device` on a thread of its own, which may outlive the caller.
///
/// Closing a stream joins the driver's thread, and that one can be stuck for good in a sound server
/// that died (libpulse waits for a reply inside its shared memory). Nobody who has other work may
/// wait for that: at worst a thread and a stream are lost with the server.
pub fn close<T: Send + 'static>(device: T) {
    // Should even a thread be refused, the device is closed here after all.
    let _ = std::thread::Builder::new().name("close".into()).spawn(move || drop(device));
}
