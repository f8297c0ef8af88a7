//! `mynah eval` as people run it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn mynah(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mynah"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program starts")
}

fn eval(dir: &Path, args: &[&str]) -> Output {
    let data = dir.join("data.tsv");
    mynah(&[&["eval", "agents/coffee", data.to_str().unwrap()], args].concat())
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn scores(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("one JSON object on stdout")
}

#[test]
fn bad_input_is_named_and_nothing_is_run() {
    let dir = tempfile::tempdir().unwrap();
    for (table, message) in [
        (None, "data.tsv"),
        (Some("file\tintent\nx\t\n"), "data.tsv:1: there is no column `path`"),
        (Some("path\tintent\n"), "there is a header but no row"),
        (Some("path\tintent\tpath\nx\t\ty\n"), "data.tsv:1: the column `path` is there twice"),
        (Some("path\tintent\tslots_json\nx\torder\t{\n"), "data.tsv:2: slots_json is \"{\""),
        (Some("path\tintent\nno.wav\t\nnot.wav\t\n"), "none of the 2 recordings is there"),
    ] {
        if let Some(table) = table {
            std::fs::write(dir.path().join("data.tsv"), table).unwrap();
        }
        let output = eval(dir.path(), &[]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(message), "{} lacks {message}", stderr(&output));
    }
    std::fs::write(dir.path().join("data.tsv"), "path\tintent\nx.wav\t\n").unwrap();
    std::fs::write(dir.path().join("mix.tsv"), "utt\tcond\nother.wav\tc\n").unwrap();
    let recipe = dir.path().join("mix.tsv");
    let output = eval(dir.path(), &["--mix", recipe.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no `utt` is a recording of the data sets"));
}

#[test]
fn slots_that_the_agent_does_not_have_are_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.wav"), "").unwrap();
    let table = "path\tintent\tslots_json\nx.wav\torderDrink\t{\"size\": \"large\"}\n\
                 x.wav\torderDrink\t{\"sise\": \"large\"}\n";
    std::fs::write(dir.path().join("data.tsv"), table).unwrap();
    // Without models, so that nothing is run.
    let told = stderr(&eval(dir.path(), &["--models", "/nowhere"]));
    assert!(told.contains("data.tsv:3: slots_json: "), "{told}");
    assert!(told.contains("no slot sise; did you mean size?"), "{told}");
    assert_eq!(told.matches("warning").count(), 1, "{told}");
}

#[test]
fn what_lies_beyond_the_recording_is_refused_before_anything_is_run() {
    let dir = tempfile::tempdir().unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    write(&dir.path().join("x.wav"), spec, &[100; 32_000]);
    let (data, mix) = (dir.path().join("data.tsv"), dir.path().join("mix.tsv"));
    let recipe = "utt\tcond\tpauses\ttone_start\ttone_len";
    for (end_s, copy, message) in [
        ("2.5", None, "data.tsv:2: speech_end_s is \"2.5\"; it must be at most 2.000"),
        ("2.5", Some("8000:16000\t0\t100"), "data.tsv:2: speech_end_s is \"2.5\""),
        (
            "2.0",
            Some("32001:16000\t0\t100"),
            "mix.tsv:2: pauses is \"32001\"; it must be at most 32000",
        ),
    ] {
        let table = format!("path\tintent\ttranscript\tspeech_end_s\nx.wav\t\they\t{end_s}\n");
        std::fs::write(&data, table).unwrap();
        let mut more = vec!["--models", "/nowhere"];
        if let Some(copy) = copy {
            std::fs::write(&mix, format!("{recipe}\nx.wav\tc\t{copy}\n")).unwrap();
            more.extend(["--mix", mix.to_str().unwrap()]);
        }
        let wake = ["eval-wake", "--phrase", "hey you", data.to_str().unwrap()];
        for output in [eval(dir.path(), &more), mynah(&[&wake[..], &more].concat())] {
            assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
            assert!(stderr(&output).contains(message), "{} lacks {message}", stderr(&output));
        }
    }
}

#[test]
fn what_tells_nothing_of_wake_phrases_is_refused_before_anything_is_run() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data.tsv");
    std::fs::write(dir.path().join("x.wav"), "").unwrap();
    let head = "path\tintent\ttranscript\n";
    for (rows, args, message) in [
        ("no.wav\t\they you\n", &[][..], "none of the 1 recordings is there"),
        ("x.wav\t\they you\n", &["--phrase", "Hey, you!"], "--phrase names `hey you` twice"),
        ("x.wav\t\t\nx.wav\t\they\n", &[], "1 of 2 recordings have no transcript"),
        ("x.wav\t\they\n", &["--fit"], "here are 0 and 1"),
        ("x.wav\t\they you there\n", &["--fit"], "here are 1 and 0"),
    ] {
        std::fs::write(&data, format!("{head}{rows}")).unwrap();
        let wake = ["eval-wake", "--phrase", "hey you", data.to_str().unwrap()];
        let output = mynah(&[&wake[..], args, &["--models", "/nowhere"]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(message), "{} lacks {message}", stderr(&output));
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn wake_phrases_on_recordings_that_cannot_be_read_end_in_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data.tsv");
    std::fs::write(dir.path().join("x.wav"), "").unwrap();
    std::fs::write(&data, "path\tintent\ttranscript\nx.wav\t\they you\n").unwrap();
    let output = mynah(&["eval-wake", "--phrase", "hey you", data.to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    assert!(
        stderr(&output).contains("none of the 1 recordings could be read"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_hangover_that_makes_no_sense_is_refused_in_its_own_terms() {
    let dir = tempfile::tempdir().unwrap();
    for ms in ["0", "210", "10020", "4000000000", "-20", "soon"] {
        let output = eval(dir.path(), &[&format!("--hangovers=200,{ms}")]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let told = stderr(&output);
        for part in [&format!("'{ms}' for '--hangovers"), "multiple of 20 ms, from 20 to 10000"] {
            assert!(told.contains(part), "{told} lacks {part}");
        }
    }
}

#[test]
fn hangovers_are_not_held_against_ends_that_nobody_wrote_down() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.wav"), "").unwrap();
    for (ends, message) in [
        (["", ""], "speech_end_s is filled in for none of the 2 recordings"),
        (["1.0", ""], "1 of 2 recordings have no speech_end_s"),
    ] {
        let [first, second] = ends;
        let table = format!("path\tintent\tspeech_end_s\nx.wav\t\t{first}\nx.wav\t\t{second}\n");
        std::fs::write(dir.path().join("data.tsv"), table).unwrap();
        let output = eval(dir.path(), &["--hangovers", "200", "--models", "/nowhere"]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(message), "{} lacks {message}", stderr(&output));
    }
}

#[test]
fn an_agent_that_is_called_is_said_to_be_awake() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.wav"), "").unwrap();
    std::fs::write(dir.path().join("data.tsv"), "path\tintent\nx.wav\t\n").unwrap();
    let data = dir.path().join("data.tsv");
    let agent = dir.path().join("agent");
    for folder in ["", "intents"] {
        std::fs::create_dir_all(agent.join(folder)).unwrap();
        let given = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/coffee").join(folder);
        for file in std::fs::read_dir(given).unwrap().map(|entry| entry.unwrap().path()) {
            if file.is_file() {
                std::fs::copy(&file, agent.join(folder).join(file.file_name().unwrap())).unwrap();
            }
        }
    }
    for (listening, told) in [
        ("", None),
        ("mode = \"wake\"\nphrases = [\"hey you\"]", Some("coffee is called by a phrase")),
        ("mode = \"push-to-talk\"", Some("coffee is woken by a button")),
    ] {
        let settings = format!("name = \"coffee\"\n[listening]\n{listening}\n");
        std::fs::write(agent.join("agent.toml"), settings).unwrap();
        let agent = agent.to_str().unwrap();
        // Without models, so that nothing is run.
        let output = mynah(&["eval", agent, data.to_str().unwrap(), "--models", "/nowhere"]);
        let error = stderr(&output);
        assert_eq!(error.contains("awake all the time"), told.is_some(), "{error}");
        assert!(error.contains(told.unwrap_or_default()), "{error}");
    }
}

/// One spoken order with a second of silence after it, one noise that is nobody's order, one file
/// that is not there.
fn data(dir: &Path) {
    let spoken = dir.join("spoken.wav");
    let words = "Can I get a large latte with some milk?";
    let output = mynah(&["say", words, "-o", spoken.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let mut reader = hound::WavReader::open(&spoken).unwrap();
    let spec = reader.spec();
    let mut samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let voice_s = samples.len() as f64 / f64::from(spec.sample_rate);
    samples.extend(vec![0; spec.sample_rate as usize]);
    write(&dir.join("order.wav"), spec, &samples);
    let mut state = 1u32;
    let noise = (0..2 * spec.sample_rate).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16 / 64
    });
    write(&dir.join("noise.wav"), spec, &noise.collect::<Vec<_>>());
    let slots = r#"{"size": "Large", "coffeeDrink": "latte", "milkAmount": "some milk"}"#;
    let table = format!(
        "path\ttranscript\tintent\tslots_json\tspeaker\tcondition\tspeech_start_s\tspeech_end_s\n\
         order.wav\t{words}\torderDrink\t{slots}\tvoice\tclean\t0.0\t{voice_s:.2}\n\
         noise.wav\t\t\t\t\tnoise\t\t\n\
         lost.wav\t\t\t\t\tnoise\t\t\n"
    );
    std::fs::write(dir.join("data.tsv"), table).unwrap();
    let recipe = "utt\tnoise\tnoise_start\tsnr_db\tsnr_def\tcond\n\
                  order.wav\tnoise.wav\t100\t20\trms\tnoisy_20db\n";
    std::fs::write(dir.join("mix.tsv"), recipe).unwrap();
}

fn write(path: &Path, spec: hound::WavSpec, samples: &[i16]) {
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn recordings_are_scored_streamed_whole_and_mixed() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let output = eval(dir.path(), &["--json"]);
    let streamed = scores(&output);
    assert_eq!((&streamed["n"], &streamed["skipped"]), (&Value::from(2), &Value::from(1)));
    assert!(stderr(&output).contains("skipped") && stderr(&output).contains("lost.wav"));
    for (score, value) in [
        ("wer", 0.0),
        ("command_accuracy", 1.0),
        ("accept_rate", 1.0),
        ("reject_rate", 0.0),
        ("false_accept_rate", 0.0),
        ("intent_accuracy", 1.0),
        ("slot_f1", 1.0),
        ("cut_in_rate", 0.0),
        ("cut_slot_rate", 0.0),
    ] {
        assert_eq!(streamed[score], value, "{score}: {streamed:#}");
    }
    for score in ["ece", "brier", "rtf", "rss_mb"] {
        assert!(streamed[score].is_number(), "{score}: {streamed:#}");
    }
    assert!(streamed["response_gap_ms"]["p95"].as_f64().unwrap() > 0.0);
    assert_eq!(streamed["by_condition"]["clean"]["n"], 1);
    assert_eq!(streamed["by_speaker"].as_object().unwrap().len(), 1);
    assert_eq!(streamed["items"][0]["right"], true);
    assert_eq!(streamed["items"][1]["right"], Value::Null);

    let whole = scores(&eval(dir.path(), &["--json", "--whole", "--limit", "1"]));
    assert_eq!((&whole["n"], &whole["command_accuracy"]), (&Value::from(1), &Value::from(1.0)));
    assert_eq!((&whole["cut_in_rate"], &whole["response_gap_ms"]), (&Value::Null, &Value::Null));

    let recipe = dir.path().join("mix.tsv");
    let mixed = scores(&eval(dir.path(), &["--json", "--mix", recipe.to_str().unwrap()]));
    assert_eq!(mixed["n"], 1, "only the copies are run");
    assert_eq!(mixed["by_condition"]["noisy_20db"]["n"], 1);
}
