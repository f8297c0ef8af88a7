//! Devices, files and everything that turns sound into 16 kHz frames and back.
