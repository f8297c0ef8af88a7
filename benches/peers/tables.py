"""Figures as tables, and tables into a document between markers."""

TITLES = {
    "recogniser": "mynah",
    "networks": "mynah",
    "voice": "mynah",
    "moonshine": "moonshine-voice",
    "whisper": "faster-whisper",
    "onnxruntime": "onnxruntime",
    "hibari": "hibari-tts",
}
JOBS = {
    "recognise": "whole utterance",
    "encode": "encoder",
    "decode": "decoder step",
    "say": "a second of speech",
}
LOADED = {"recogniser": "mynah, recogniser", "voice": "mynah, voice"}


def markdown(result):
    machine, versions = result["machine"], result["versions"]
    flags = ", ".join(machine["flags"]) or "none of those our kernels use"
    named = ", ".join(f"{TITLES[name]} {version}" for name, version in versions.items())
    lines = [
        f"{result['date']}: {machine['cpu']}, {machine['processors']} processors ({flags}), "
        f"{machine['system']}; mynah {result['mynah']}, kernel {result['kernel']}; {named}. Medians of "
        f"{result['rounds']} interleaved rounds, by `{result['command']}`.",
    ]
    for run in result["runs"]:
        lines += ["", f"**{('One thread', 'Two threads')[run['threads'] - 1]}**"]
        for job, title in JOBS.items():
            rows = [row for row in run["figures"] if row["job"] == job]
            lines += ["", *speed(title, rows)]
        lines += ["", *memory(run["loads"])]
    return "\n".join(lines)


def speed(title, rows):
    """Milliseconds of CPU and wall time; ratios are ours divided by the peer's."""
    ours, *peers = rows[0]["took"]
    head = [title, "CPU ms", "wall ms"]
    for peer in peers:
        head += [f"{TITLES[peer]} CPU ms", "wall ms", "**CPU ratio**", "wall ratio"]
    first = "first_audio_ms" in rows[0]["took"][ours]
    if first:
        head += ["first sound ms"] + [f"{TITLES[peer]} first sound ms" for peer in peers]
    table = [head]
    for row in rows:
        cells = [f"{row['seconds']} s" if row["seconds"] else ""]
        cells += times(row["took"][ours])
        for peer in peers:
            ratio = row["ratio"][peer]
            cells += times(row["took"][peer])
            cells += [f"**{ratio['cpu_ms']:.2f}**", f"{ratio['wall_ms']:.2f}"]
        if first:
            cells += [digits(row["took"][name]["first_audio_ms"]) for name in (ours, *peers)]
        table.append(cells)
    return lined(table)


def memory(loads):
    table = [["loaded and warm", "load CPU ms", "wall ms", "peak MB", "without what was there before"]]
    for name, load in loads.items():
        peak = load["peak_mb"]
        cells = [LOADED.get(name, TITLES[name]), digits(load["cpu_ms"]), digits(load["wall_ms"])]
        table.append([*cells, f"{peak:.0f}", f"{peak - load['before_mb']:.0f}"])
    return lined(table)


def times(took):
    return [digits(took["cpu_ms"]), digits(took["wall_ms"])]


def digits(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def lined(table):
    head, *rows = ["| " + " | ".join(cells) + " |" for cells in table]
    return [head, "|---" + "|--:" * (len(table[0]) - 1) + "|", *rows]


def write(path, name, text):
    """Replaces what stands between the markers `name: begin` and `name: end` of a document."""
    document = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if document.count(begin) != 1 or document.count(end) != 1:
        raise SystemExit(f"{path}: needs one line `{begin}` and one line `{end}`, in this order")
    before, rest = document.split(begin)
    _, after = rest.split(end)
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
