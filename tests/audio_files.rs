//! What a person may hand to a command that reads sound: every coding that is read, and one clear
//! sentence for everything else. The files are made here, byte by byte.

use std::fs;
use std::path::{Path, PathBuf};

use mynah::audio::file::{self, AudioFileError, WavWriter};

/// A WAV file in the making; the fields are those of the `fmt ` chunk.
#[derive(Clone)]
struct Wav {
    tag: u16,
    channels: u16,
    rate_hz: u32,
    bits: u16,
    bytes_per_sample: u16,
    extensible: bool,
    data: Vec<u8>,
    announced: Option<u32>,
}

impl Wav {
    fn pcm16(rate_hz: u32, samples: &[i16]) -> Self {
        Self {
            tag: 1,
            channels: 1,
            rate_hz,
            bits: 16,
            bytes_per_sample: 2,
            extensible: false,
            data: samples.iter().flat_map(|s| s.to_le_bytes()).collect(),
            announced: None,
        }
    }

    fn coded(tag: u16, bits: u16, bytes_per_sample: u16, data: &[u8]) -> Self {
        Self { tag, bits, bytes_per_sample, data: data.to_vec(), ..Self::pcm16(16_000, &[]) }
    }

    fn floats(samples: &[f32]) -> Self {
        let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        Self::coded(3, 32, 4, &data)
    }

    fn bytes(&self) -> Vec<u8> {
        let align = self.channels * self.bytes_per_sample;
        let mut fmt = Vec::new();
        fmt.extend(if self.extensible { 0xfffe } else { self.tag }.to_le_bytes());
        fmt.extend(self.channels.to_le_bytes());
        fmt.extend(self.rate_hz.to_le_bytes());
        fmt.extend((self.rate_hz.wrapping_mul(u32::from(align))).to_le_bytes());
        fmt.extend(align.to_le_bytes());
        fmt.extend(
            (if self.extensible { 8 * self.bytes_per_sample } else { self.bits }).to_le_bytes(),
        );
        if self.extensible {
            fmt.extend(22u16.to_le_bytes());
            fmt.extend(self.bits.to_le_bytes());
            fmt.extend(0u32.to_le_bytes());
            fmt.extend(self.tag.to_le_bytes());
            fmt.extend(b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71");
        }
        let announced = self.announced.unwrap_or(self.data.len() as u32);
        let mut file = b"RIFF\xff\xff\xff\xffWAVE".to_vec();
        chunk(&mut file, b"LIST", b"INFOodd");
        chunk(&mut file, b"fmt ", &fmt);
        file.extend(b"data");
        file.extend(announced.to_le_bytes());
        file.extend(&self.data);
        file
    }
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    file.extend(name);
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    if body.len() % 2 == 1 {
        file.push(0);
    }
}

fn save(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn read_bytes(bytes: &[u8]) -> Result<file::Clip, AudioFileError> {
    let dir = tempfile::tempdir().unwrap();
    // A wrong extension on purpose: only the content counts.
    file::read(save(&dir, "clip.txt", bytes))
}

fn refusal(bytes: &[u8]) -> String {
    let message = read_bytes(bytes).expect_err("this must be refused").to_string();
    assert!(message.contains("clip.txt"), "the file is named: {message}");
    assert!(!message.contains('\n'), "one sentence: {message}");
    message
}

#[test]
fn every_wav_coding_is_read() {
    // -1/2, 0 and 1/4 in each coding.
    let cases: [(&str, Wav); 9] = [
        ("8 bit", Wav::coded(1, 8, 1, &[64, 128, 160])),
        ("16 bit", Wav::pcm16(16_000, &[-16384, 0, 8192])),
        ("12 in 16", Wav::coded(1, 12, 2, &[0, 0xc0, 0, 0, 0, 0x20])),
        ("24 bit", Wav::coded(1, 24, 3, &[0, 0, 0xc0, 0, 0, 0, 0, 0, 0x20])),
        ("24 in 4", Wav::coded(1, 24, 4, &[0, 0, 0xc0, 0xff, 0, 0, 0, 0, 0, 0, 0x20, 0])),
        ("32 bit", Wav::coded(1, 32, 4, &[0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0x20])),
        ("float", Wav::floats(&[-0.5, 0.0, 0.25])),
        ("double", {
            let data: Vec<u8> = [-0.5f64, 0.0, 0.25].iter().flat_map(|s| s.to_le_bytes()).collect();
            Wav::coded(3, 64, 8, &data)
        }),
        ("recorded into a pipe", {
            let mut wav = Wav::pcm16(16_000, &[-16384, 0, 8192]);
            wav.announced = Some(u32::MAX);
            wav.data.push(7);
            wav
        }),
    ];
    for (name, wav) in cases {
        for extensible in [false, true] {
            if extensible && name == "24 in 4" {
                continue; // There the container is 32 bits, the value in its upper three bytes.
            }
            let clip = read_bytes(&Wav { extensible, ..wav.clone() }.bytes()).unwrap();
            assert_eq!(clip.samples, [-0.5, 0.0, 0.25], "{name}, extensible: {extensible}");
            assert_eq!(clip.rate_hz, 16_000);
        }
    }
}

#[test]
fn channels_are_mixed_to_their_mean() {
    let stereo = Wav { channels: 2, ..Wav::pcm16(96_000, &[16384, 0, -8192, 8192]) };
    assert_eq!(read_bytes(&stereo.bytes()).unwrap().samples, [0.25, 0.0]);
    let eight = Wav { channels: 8, ..Wav::pcm16(48_000, &[8192; 16]) };
    assert_eq!(read_bytes(&eight.bytes()).unwrap().samples, [0.25, 0.25]);
}

#[test]
fn studio_sound_becomes_sixteen_kilohertz() {
    let stereo = Wav { channels: 2, rate_hz: 96_000, ..Wav::floats(&[0.5; 2 * 9_600]) };
    let clip = read_bytes(&stereo.bytes()).unwrap().to_rate(16_000);
    assert_eq!((clip.rate_hz, clip.samples.len()), (16_000, 1_600));
    assert!(clip.samples[200..1400].iter().all(|s| (s - 0.5).abs() < 1e-4));
}

#[test]
fn whatever_is_not_sound_is_refused_in_one_sentence() {
    let good = Wav::pcm16(16_000, &[1; 1000]);
    let cut = |at: usize| good.bytes()[..at].to_vec();
    let cases: &[(&[u8], &str)] = &[
        (b"", "is empty (0 bytes)"),
        (b"R", "not a sound file"),
        (b"hello, this is text", "not a sound file"),
        (b"ID3\x04\0\0\0\0\0\0\0\0", "MP3"),
        (b"OggS\0\0\0\0\0\0\0\0", "Ogg"),
        (b"\0\0\0\x20ftypM4A ", "M4A"),
        (b"RIFF\x10\0\0\0AVI LIST", "other than plain WAV"),
        (&cut(4), "only the beginning of one"),
        (&cut(30), "ends before its `data` chunk"),
        (&Wav::pcm16(16_000, &[]).bytes(), "no samples"),
        (&cut(good.bytes().len() - 1000), "ends after 0.031 s of the 0.062 s"),
        (&Wav { channels: 0, ..good.clone() }.bytes(), "0 channels"),
        (&Wav { bits: 20, ..good.clone() }.bytes(), "20 bits in 2 bytes"),
        (&Wav { bytes_per_sample: 0, ..good.clone() }.bytes(), "frames of 0 bytes"),
        (&Wav { rate_hz: 0, ..good.clone() }.bytes(), "sample rate of 0 Hz"),
        (&Wav { rate_hz: 4_000_000_000, ..good.clone() }.bytes(), "4000000000 Hz; 8000 to 192000"),
        (&Wav { tag: 7, ..good.clone() }.bytes(), "mu-law (format tag 0x0007)"),
        (&Wav { tag: 0x1234, ..good.clone() }.bytes(), "format tag 0x1234"),
        (&Wav { announced: Some(1999), ..good.clone() }.bytes(), "no multiple of 2-byte frames"),
        (&Wav { announced: Some(0x7000_0000), ..good.clone() }.bytes(), "cut off"),
        (&Wav::floats(&[0.0, f32::NAN]).bytes(), "damaged at 0.000 s: the sample there is NaN"),
        (&Wav::floats(&[0.0, f32::NEG_INFINITY]).bytes(), "-inf"),
        (&Wav::floats(&[0.0, 12_000.0]).bytes(), "divide by 32768"),
        (b"RIFF\0\0\0\0WAVEdata\x02\0\0\0\0\0", "no `fmt ` chunk before `data`"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\0\0\0\0data", "4 bytes; 16 are needed"),
        (b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff", "ends before its `data` chunk"),
    ];
    for (bytes, expected) in cases {
        let message = refusal(bytes);
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
    }
}

#[test]
fn missing_files_and_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let missing = file::read(dir.path().join("nothing.wav")).unwrap_err().to_string();
    assert!(missing.contains("nothing.wav") && missing.contains("No such file"), "{missing}");
    let folder = file::read(dir.path()).unwrap_err().to_string();
    assert!(folder.contains("it is a folder, not a file"), "{folder}");
}

#[test]
fn flac_is_read() {
    let left: Vec<i16> = (0..5000).map(|i| ((i * 37) % 20_000 - 10_000) as i16).collect();
    let right: Vec<i16> = left.iter().map(|s| -s / 2).collect();
    let mono = read_bytes(&flac(44_100, &[&left])).unwrap();
    assert_eq!(mono.rate_hz, 44_100);
    assert!(mono.samples.iter().zip(&left).all(|(a, b)| *a == f32::from(*b) / 32768.0));
    let stereo = read_bytes(&flac(44_100, &[&left, &right])).unwrap();
    assert_eq!(stereo.samples.len(), left.len());
    assert_eq!(stereo.samples[7], (f32::from(left[7]) + f32::from(right[7])) / 65536.0);

    let mut tagged = flac(16_000, &[&left]);
    tagged.extend(b"TAG an old tag behind the last block");
    assert_eq!(read_bytes(&tagged).unwrap().samples.len(), left.len());
}

#[test]
fn damaged_flac_is_refused() {
    let samples = vec![100i16; 3 * BLOCK];
    let whole = flac(16_000, &[&samples]);
    let block = (whole.len() - 42) / 3;
    let cases: &[(&[u8], &str)] = &[
        (&whole[..4], "FLAC header is wrong"),
        (&whole[..20], "FLAC header is wrong"),
        (&whole[..42], "ends after 0.000 s of the 0.192 s"),
        (&whole[..42 + block], "ends after 0.064 s of the 0.192 s"),
        (&whole[..42 + block + 100], "ends after 0.064 s of the 0.192 s"),
    ];
    for (bytes, expected) in cases {
        let message = refusal(bytes);
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
    }
    let mut flipped = whole.clone();
    flipped[42 + block + 50] ^= 1;
    let message = refusal(&flipped);
    assert!(message.contains("damaged at 0.064 s"), "{message}");

    let message = refusal(&flac(16_000, &[&[]]));
    assert!(message.contains("no samples"), "{message}");
}

const BLOCK: usize = 1024;

/// A FLAC stream of verbatim blocks (RFC 9639): as large as the sound, but FLAC to a decoder.
fn flac(rate_hz: u32, channels: &[&[i16]]) -> Vec<u8> {
    let total = channels[0].len() as u64;
    let mut file = b"fLaC\x80\x00\x00\x22".to_vec();
    file.extend((BLOCK as u16).to_be_bytes());
    file.extend((BLOCK as u16).to_be_bytes());
    file.extend([0; 6]); // Smallest and largest frame: unknown.
    let bits = u64::from(rate_hz) << 44 | (channels.len() as u64 - 1) << 41 | 15 << 36 | total;
    file.extend(bits.to_be_bytes());
    file.extend([0; 16]); // No checksum of the sound.
    for (number, start) in (0..channels[0].len()).step_by(BLOCK).enumerate() {
        let end = channels[0].len().min(start + BLOCK);
        let mut frame = vec![0xff, 0xf8, 0x70, (channels.len() as u8 - 1) << 4 | 0x08];
        assert!(number < 128, "one byte of block number");
        frame.push(number as u8);
        frame.extend(((end - start - 1) as u16).to_be_bytes());
        frame.push(crc(&frame, 8, 0x07) as u8);
        for channel in channels {
            frame.push(0x02);
            frame.extend(channel[start..end].iter().flat_map(|s| s.to_be_bytes()));
        }
        frame.extend(crc(&frame, 16, 0x8005).to_be_bytes());
        file.extend(frame);
    }
    file
}

fn crc(bytes: &[u8], width: u32, polynomial: u32) -> u16 {
    let mut crc = 0u32;
    for byte in bytes {
        crc ^= u32::from(*byte) << (width - 8);
        for _ in 0..8 {
            crc <<= 1;
            if crc >> width == 1 {
                crc ^= 1 << width | polynomial;
            }
        }
    }
    crc as u16
}

#[test]
fn sixteen_bit_sound_survives_a_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.wav");
    let samples: Vec<f32> = (-32768..=32767).step_by(7).map(|s| s as f32 / 32768.0).collect();
    file::write_wav(&path, 24_000, &samples).unwrap();
    let clip = file::read(&path).unwrap();
    assert_eq!((clip.rate_hz, clip.samples == samples), (24_000, true));
}

#[test]
fn loud_and_broken_samples_are_written_as_the_nearest_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.wav");
    file::write_wav(&path, 16_000, &[1.5, -1.5, f32::NAN, 1.0]).unwrap();
    let top = 32767.0 / 32768.0;
    assert_eq!(file::read(&path).unwrap().samples, [top, -1.0, 0.0, top]);
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    fs::read_dir(dir).unwrap().map(|entry| name(entry.unwrap())).collect()
}

#[test]
fn an_unfinished_file_never_shows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.wav");
    file::write_wav(&path, 16_000, &[0.5]).unwrap();
    let mut writer = WavWriter::create(&path, 16_000).unwrap();
    writer.push(&[0.25; 100_000]).unwrap();
    assert_eq!(file::read(&path).unwrap().samples, [0.5], "the old file stays until the end");
    drop(writer);
    assert_eq!(names(dir.path()), ["out.wav"]);
    assert_eq!(file::read(&path).unwrap().samples, [0.5]);
}

#[test]
fn what_cannot_be_written_is_said_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none").join("out.wav");
    let message = file::write_wav(&missing, 16_000, &[0.0]).unwrap_err().to_string();
    assert!(message.contains("none/out.wav") && message.contains("No such file"), "{message}");
    let message = file::write_wav(dir.path(), 16_000, &[0.0]).unwrap_err().to_string();
    assert!(message.contains("not a file"), "{message}");
    assert!(names(dir.path()).is_empty());
}

/// `/dev/null` must not be replaced by a file, which root could do.
#[cfg(unix)]
#[test]
fn a_device_is_never_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let message = file::write_wav("/dev/null", 16_000, &[0.0]).unwrap_err().to_string();
    assert!(message.contains("not a file"), "{message}");
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real.wav"), dir.path().join("link.wav"));
    file::write_wav(&real, 16_000, &[0.0]).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    file::write_wav(&link, 16_000, &[0.5]).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(file::read(&real).unwrap().samples, [0.5]);
}

#[test]
fn one_channel_can_be_read_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stereo.wav");
    let stereo = Wav { channels: 2, ..Wav::pcm16(48_000, &[16384, 0, -8192, 8192]) };
    std::fs::write(&path, stereo.bytes()).unwrap();
    assert_eq!(file::read_channel(&path, 0).unwrap().samples, [0.5, -0.25]);
    assert_eq!(file::read_channel(&path, 1).unwrap().samples, [0.0, 0.25]);
    let error = file::read_channel(&path, 2).unwrap_err().to_string();
    assert!(error.contains("no channel 2: it has 2"), "{error}");
}

#[test]
fn a_named_pipe_is_refused_and_a_pipe_that_was_handed_over_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.wav");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = file::read(&pipe).unwrap_err().to_string();
    assert!(error.contains("it is a named pipe, not a file"), "{error}");
    for path in ["/dev/zero", "/dev/null", "/tmp"] {
        let error = file::read(path).unwrap_err().to_string();
        assert!(error.contains(", not a file"), "{path}: {error}");
    }

    let wav = dir.path().join("a.wav");
    file::write_wav(&wav, 16_000, &[0.25; 100]).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    std::io::copy(&mut std::fs::File::open(&wav).unwrap(), &mut writer).unwrap();
    drop(writer);
    let name = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    assert_eq!(file::read(name).unwrap().samples, [0.25; 100]);
}
