//! From frames to turns: is somebody speaking, and are they done?
