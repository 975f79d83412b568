from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from timbremap_cli import features as tm_features
from timbremap_cli import generate as tm_generate

from tests.support.paths import LFO4, N_SOUNDS, command
from timbremap_jax.data.audio.sounds import find_fault
from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.labels import read_labels
from timbremap_jax.data.manifest import read_manifest
from timbremap_jax.data.patch import load_patch
from timbremap_jax.data.render.generate import generate
from timbremap_jax.data.render.sampling import GenerateSettings, sample_parameters
from timbremap_runtime.errors import FormatError, PathError, SettingsError


@pytest.mark.parametrize("sampling", ["uniform", "sobol"])
def test_parameters_are_uniform_integers_and_rows_do_not_depend_on_their_number(sampling: str):
    values = sample_parameters(GenerateSettings(20_000, 3, sampling), 4)
    assert np.array_equal(values[:50], sample_parameters(GenerateSettings(50, 3, sampling), 4))
    assert (values.min(), values.max()) == (0, 127)
    # 20,000 draws of variance (128^2 - 1) / 12: five standard errors of the mean.
    assert np.abs(values.mean(axis=0) - 63.5).max() < 5 * np.sqrt((128**2 - 1) / 12 / 20_000)
    others = sample_parameters(GenerateSettings(50, 4, sampling), 4)
    assert not np.array_equal(values[:50], others)


def test_sobol_covers_the_space_more_evenly_than_chance():
    def emptiest(sampling: str) -> int:
        values = sample_parameters(GenerateSettings(4096, 0, sampling), 2) // 16
        return int(np.bincount(values[:, 0] * 8 + values[:, 1], minlength=64).min())

    # 64 cells, 64 points in each on average.
    assert emptiest("sobol") >= 60 > emptiest("uniform")


def test_labels_are_integers_with_commas_and_no_header(data_dir: Path):
    lines = (data_dir / "labels.csv").read_text().splitlines()
    assert len(lines) == N_SOUNDS
    assert [int(word) for word in lines[0].split(",")] == sample_parameters(GenerateSettings(1), 4)[
        0
    ].tolist()


def test_every_row_has_a_mono_sound_of_the_right_length(data_dir: Path):
    for row in range(N_SOUNDS):
        info = soundfile.info(data_dir / "wavs" / f"ex_{row}.wav")
        assert (info.samplerate, info.channels, info.subtype) == (44_100, 1, "PCM_24")
        assert info.frames == 13_230  # 250 + 50 ms


def test_resume_renders_only_what_is_missing_and_the_same_again(data_dir: Path, tmp_path: Path):
    folder = tmp_path / "copy"
    shutil.copytree(data_dir, folder)
    wav, other = folder / "wavs" / "ex_7.wav", folder / "wavs" / "ex_8.wav"
    before, untouched = wav.read_bytes(), other.stat().st_mtime_ns
    wav.unlink()
    generate(load_patch(LFO4, "fm"), folder, GenerateSettings(N_SOUNDS), resume=True)
    assert wav.read_bytes() == before
    assert other.stat().st_mtime_ns == untouched


def test_a_data_folder_is_not_rendered_over(data_dir: Path):
    with pytest.raises(PathError, match="continue it with --resume"):
        generate(load_patch(LFO4, "fm"), data_dir, GenerateSettings(N_SOUNDS))


def test_resume_refuses_a_folder_made_with_other_settings(data_dir: Path):
    with pytest.raises(SettingsError, match="was made with another seed"):
        generate(load_patch(LFO4, "fm"), data_dir, GenerateSettings(N_SOUNDS, seed=1), resume=True)


SEVERAL = GenerateSettings(12, pitches=(33, 45, 57), velocities=(50, 100))


def test_each_row_plays_one_of_several_notes(tmp_path: Path):
    patch = load_patch(LFO4, "fm")
    generate(patch, tmp_path, SEVERAL)
    header, *lines = (tmp_path / "notes.csv").read_text().splitlines()
    assert header == "pitch,velocity"
    notes = [tuple(map(int, line.split(","))) for line in lines]
    assert {pitch for pitch, _ in notes} == {33, 45, 57}
    assert {velocity for _, velocity in notes} == {50, 100}
    manifest = read_manifest(tmp_path)
    assert manifest and manifest["pitches"] == [33, 45, 57]
    assert (manifest["note"]["pitch"], manifest["note"]["velocity"]) == (33, 50)
    # The parameters are those of the same seed without; each sound is that of its row's note.
    assert read_labels(tmp_path / "labels.csv").tolist() == (
        sample_parameters(GenerateSettings(12), 4).tolist()
    )
    engine = open_engine(patch)
    values = sample_parameters(SEVERAL, 4).tolist()
    for row, (pitch, velocity) in enumerate(notes):
        played = engine.render(values[row], patch.note.with_changes(pitch=pitch, velocity=velocity))
        stored, _ = soundfile.read(tmp_path / "wavs" / f"ex_{row}.wav", dtype="float32")
        assert np.abs(played - stored).max() <= 2**-23


def test_a_folder_of_several_notes_is_resumed_and_grows_with_the_same(tmp_path: Path):
    patch = load_patch(LFO4, "fm")
    generate(patch, tmp_path / "whole", SEVERAL)
    part = tmp_path / "part"
    generate(patch, part, replace(SEVERAL, n_examples=7))
    (part / "wavs" / "ex_3.wav").unlink()
    generate(patch, part, SEVERAL, resume=True)
    assert content(part) == content(tmp_path / "whole")
    for other in (GenerateSettings(12), replace(SEVERAL, pitches=(33, 45))):
        with pytest.raises(SettingsError, match=r"was made with another (note|pitches)"):
            generate(patch, part, other, resume=True)
    changed = part / "notes.csv"
    changed.write_text(changed.read_text().replace("33", "34"))
    with pytest.raises(PathError, match=r"notes\.csv: was changed"):
        generate(patch, part, SEVERAL, resume=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pitches": (45, 45)}, "pitches has 45 more than once"),
        ({"pitches": (45, 128)}, "pitch is 128"),
        ({"velocities": (0,)}, "velocity is 0"),
    ],
)
def test_notes_that_cannot_be_played_are_refused(
    options: dict[str, tuple[int, ...]], message: str, tmp_path: Path
):
    with pytest.raises(SettingsError, match=message):
        generate(load_patch(LFO4, "fm"), tmp_path / "data", replace(SEVERAL, **options))
    assert not (tmp_path / "data").exists()


def content(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*.*")}


def test_sounds_do_not_depend_on_order_or_number_of_workers(data_dir: Path, tmp_path: Path):
    patch, settings = load_patch(LFO4, "fm"), GenerateSettings(N_SOUNDS)
    generate(patch, tmp_path, settings, n_workers=3)
    for row in range(N_SOUNDS):
        name = f"wavs/ex_{row}.wav"
        assert (tmp_path / name).read_bytes() == (data_dir / name).read_bytes()
    # The engine itself, in any order.
    engine, values = open_engine(patch), sample_parameters(settings, 4)
    for row in (30, 2, 59, 2):
        samples = engine.render(values[row].tolist(), patch.note)
        stored, _ = soundfile.read(data_dir / "wavs" / f"ex_{row}.wav", dtype="float32")
        assert np.abs(samples - stored).max() <= 2**-23  # a step of 24 bits


@pytest.mark.slow
def test_killed_and_resumed_ends_as_if_never_stopped(tmp_path: Path):
    # The same words are typed in two places: they are part of the folder.
    run = [command("tm-generate"), LFO4, "data", "--variant", "am", "--examples", "500"]
    run += ["--workers", "2"]
    whole, killed = tmp_path / "whole" / "data", tmp_path / "killed" / "data"
    for folder in (whole, killed):
        folder.parent.mkdir()
    subprocess.run(run, cwd=whole.parent, check=True)
    going = subprocess.Popen(run, cwd=killed.parent)
    deadline = time.monotonic() + 60
    while not (killed / "wavs" / "ex_50.wav").exists():
        assert going.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    going.kill()
    going.wait()
    assert 0 < len(list((killed / "wavs").glob("ex_*.wav"))) < 500
    # What a kill can leave behind: a half-written file under a temporary name.
    (killed / "wavs" / ".ex_499.1234.wav").write_bytes(b"RIFF")
    subprocess.run([*run, "--resume"], cwd=killed.parent, check=True)
    assert content(killed) == content(whole)


def test_a_cut_file_is_rendered_again_on_resume(data_dir: Path, tmp_path: Path):
    folder = tmp_path / "copy"
    shutil.copytree(data_dir, folder)
    wav = folder / "wavs" / "ex_3.wav"
    before = wav.read_bytes()
    wav.write_bytes(before[:5000])
    generate(load_patch(LFO4, "fm"), folder, GenerateSettings(N_SOUNDS), resume=True)
    assert wav.read_bytes() == before


@pytest.mark.slow
def test_only_renders_those_rows_and_resume_from_a_row_all_that_follow(
    data_dir: Path, tmp_path: Path
):
    folder = tmp_path / "copy"
    shutil.copytree(data_dir, folder)
    wavs = [folder / "wavs" / f"ex_{row}.wav" for row in range(N_SOUNDS)]

    def rendered(*arguments: str) -> list[int]:
        for wav in wavs:
            os.utime(wav, (0, 0))
        run = [str(LFO4), str(folder), "--examples", str(N_SOUNDS), *arguments]
        assert tm_generate.main(run) == 0
        return [row for row, wav in enumerate(wavs) if wav.stat().st_mtime > 0]

    assert rendered("--only", "3,17,40-42") == [3, 17, 40, 41, 42]
    assert rendered("--resume", "57") == [57, 58, 59]
    assert rendered("--resume") == []
    assert rendered("--resume", "0") == list(range(N_SOUNDS))


def test_only_a_row_that_is_there(data_dir: Path):
    with pytest.raises(SettingsError, match="rows are numbered 0 to 59: there is no row 60"):
        generate(load_patch(LFO4, "fm"), data_dir, GenerateSettings(N_SOUNDS), only=[60])


def test_resume_from_a_row_that_is_not_there(data_dir: Path):
    settings = GenerateSettings(N_SOUNDS)
    with pytest.raises(SettingsError, match="there is no row 60"):
        generate(load_patch(LFO4, "fm"), data_dir, settings, resume=True, first_row=60)


def test_note_and_format_are_those_asked_for(tmp_path: Path):
    arguments = ["--note", "57", "--sustain", "100", "--release", "20", "--format", "float"]
    assert tm_generate.main([str(LFO4), str(tmp_path), "--examples", "2", *arguments]) == 0
    info = soundfile.info(tmp_path / "wavs" / "ex_1.wav")
    assert (info.frames, info.subtype) == (round(0.12 * 44_100), "FLOAT")
    description = json.loads((tmp_path / "generate.json").read_text())
    assert description["note"] == {
        "pitch": 57,
        "velocity": 100,
        "sustain_ms": 100,
        "release_ms": 20,
    }


def faust_patch(folder: Path, source: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "tiny.dsp").write_text(source)
    (folder / "patch.toml").write_text(
        'name = "tiny"\nengine = "faust"\nsource = "tiny.dsp"\n'
        '[[parameters]]\nname = "one"\ncontrol = "a"\n'
    )
    return folder


CONTROLS = 'freq = hslider("freq", 1, 0, 9999, 1); gain = hslider("gain", 1, 0, 1, 1); '
LOUD_ABOVE_100 = (
    CONTROLS + 'a = hslider("a", 0, 0, 127, 1); process = gain * button("gate") * (1 + (a > 100))'
    " + 1e-9 * freq;"
)


def test_broken_sounds_are_reported_by_row_and_cost_only_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    patch, data = faust_patch(tmp_path / "patch", LOUD_ABOVE_100), tmp_path / "data"
    assert tm_generate.main([str(patch), str(data), "--examples", "40"]) == 1
    values = sample_parameters(GenerateSettings(40), 1)[:, 0]
    broken = np.flatnonzero(values > 100).tolist()
    *lines, error = capsys.readouterr().err.splitlines()
    assert [f"row {row}: the sound is clipped (peak 1.57)" for row in broken] == lines
    assert error.startswith(f"error: {data}: {len(broken)} of 40 sounds came out broken")
    assert f"--only {','.join(map(str, broken))}" in error
    assert len(list((data / "wavs").iterdir())) == 40 - len(broken)


def test_a_folder_of_another_patch_is_refused(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    before = content(data_dir)
    patch = faust_patch(tmp_path / "patch", LOUD_ABOVE_100)
    assert tm_generate.main([str(patch), str(data_dir), "--examples", "60", "--resume"]) == 1
    assert "was made with another patch (lfo4, now tiny)" in capsys.readouterr().err
    assert content(data_dir) == before


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["uniform", "sobol"])
def test_a_data_set_grows(sampling: str, tmp_path: Path):
    patch = load_patch(LFO4, "fm")
    generate(patch, tmp_path / "grown", GenerateSettings(5, sampling=sampling))
    generate(patch, tmp_path / "grown", GenerateSettings(12, sampling=sampling), resume=True)
    generate(patch, tmp_path / "whole", GenerateSettings(12, sampling=sampling))
    assert content(tmp_path / "grown") == content(tmp_path / "whole")
    with pytest.raises(SettingsError, match=r"another n_examples \(12, now 5\)"):
        generate(patch, tmp_path / "grown", GenerateSettings(5, sampling=sampling), resume=True)


@pytest.mark.slow
def test_rows_rendered_again_leave_the_number_of_sounds_as_it_was(tmp_path: Path):
    folder = tmp_path / "data"
    run = [str(LFO4), str(folder)]
    assert tm_generate.main([*run, "--examples", "5"]) == 0
    before = content(folder)
    for options in (["--only", "1"], ["--resume"], ["--resume", "3"]):
        assert tm_generate.main([*run, *options]) == 0
        assert content(folder) == before
    for options in (["--only", "99"], ["--only", "1", "--examples", "7"]):
        assert tm_generate.main([*run, *options]) == 1
        assert content(folder) == before


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(PathError, match="holds other things"):
        generate(load_patch(LFO4), tmp_path, GenerateSettings(2))
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_other_options_are_answered_with_the_command_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "data"
    assert tm_generate.main([str(LFO4), str(folder), "--examples", "2", "--sustain", "100"]) == 0
    assert tm_generate.main([str(LFO4), str(folder), "--resume"]) == 1
    said = capsys.readouterr().err
    assert "another note (sustain_ms 100.0, now sustain_ms 250)" in said
    again = said.partition("original options:  ")[2]
    assert tm_generate.main(shlex.split(again)[1:]) == 0


def test_edited_labels_are_not_written_over(data_dir: Path, tmp_path: Path):
    folder = tmp_path / "copy"
    shutil.copytree(data_dir, folder)
    labels = folder / "labels.csv"
    drawn = labels.read_text()
    edited = drawn.replace(drawn.partition("\n")[0], "1,2,3,4", 1)
    labels.write_text(edited)
    patch, settings = load_patch(LFO4, "fm"), GenerateSettings(N_SOUNDS)
    with pytest.raises(PathError, match=r"labels\.csv: was changed"):
        generate(patch, folder, settings, only=[0])
    assert labels.read_text() == edited
    labels.unlink()
    generate(patch, folder, settings, only=[0])
    assert labels.read_text() == drawn


def test_a_patch_that_was_changed_is_said(data_dir: Path, tmp_path: Path):
    folder, copy = tmp_path / "copy", tmp_path / "lfo4"
    shutil.copytree(data_dir, folder)
    shutil.copytree(LFO4, copy, ignore=shutil.ignore_patterns("models"))
    with (copy / "patch.toml").open("a") as file:
        file.write("\n# a word more\n")
    with pytest.raises(SettingsError, match=r"made before .*lfo4 was changed \(patch.toml"):
        generate(load_patch(copy, "fm"), folder, GenerateSettings(N_SOUNDS), resume=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends Ctrl-C as POSIX does")
def test_stopped_by_hand_it_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = [command("tm-generate"), str(LFO4), str(tmp_path / "a b"), "--examples", "3000"]
    going = subprocess.Popen(run, stderr=subprocess.PIPE, text=True, process_group=0)
    deadline = time.monotonic() + 60
    while not (tmp_path / "a b" / "wavs" / "ex_50.wav").exists():
        assert going.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    os.killpg(going.pid, signal.SIGINT)
    _, said = going.communicate(timeout=30)
    assert going.returncode == 130
    *_, last = said.splitlines()
    found = re.fullmatch(r"stopped, (\d+) of 3000 sounds are there; go on with  (.*)", last)
    assert found and 50 <= int(found[1]) < 3000
    assert found[2].endswith(f"'{tmp_path / 'a b'}' --examples 3000 --resume")
    # Looked at as it is, the rest is said to be missing, with the command that makes it.
    assert tm_features.main([str(tmp_path / "a b")]) == 0
    assert "to render them:  tm-generate" in capsys.readouterr().err


def test_labels_of_somebody_else_are_not_written_over(tmp_path: Path):
    (tmp_path / "labels.csv").write_text("1,2,3,4\n")
    with pytest.raises(PathError, match=r"labels\.csv but no generate\.json"):
        generate(load_patch(LFO4), tmp_path, GenerateSettings(4), resume=True)
    assert (tmp_path / "labels.csv").read_text() == "1,2,3,4\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes on Windows")
def test_a_disk_that_takes_no_more_is_one_line(tmp_path: Path):
    # 40 blocks of 512 bytes; a sound takes 39 KB.
    limited = ["sh", "-c", 'ulimit -f 40; exec "$0" "$@"', command("tm-generate")]
    done = subprocess.run(
        [*limited, LFO4, tmp_path / "data", "--examples", "40"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be written (File too large); choose another folder or make room" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_resume_goes_on_when_there_is_room(tmp_path: Path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting a small disk needs Linux and root")
    run = [command("tm-generate"), LFO4, small / "data", "--examples", "40"]
    try:
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert (
            "cannot be written (No space left on device); choose another folder or make room"
            in done.stderr
        )
        for wav in (small / "data" / "wavs").iterdir():
            assert soundfile.info(wav).frames == 13_230
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        subprocess.run([*run, "--resume"], check=True)
        assert len(list((small / "data" / "wavs").iterdir())) == 40
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_what_is_refused_leaves_nothing_in_the_way_of_the_corrected_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = tmp_path / "new" / "data"
    patch = faust_patch(tmp_path / "patch", "process = nonsense;")
    run = [str(patch), str(data), "--examples", "2"]
    assert tm_generate.main(run) == 1
    faust_patch(tmp_path / "patch", LOUD_ABOVE_100.replace("process =", "process = 1e-9 *"))
    assert tm_generate.main([*run, "--only", "7"]) == 1
    assert tm_generate.main(run) == 1
    assert "row 1: the sound is silent" in capsys.readouterr().err
    assert not data.parent.exists()
    faust_patch(
        tmp_path / "patch",
        LOUD_ABOVE_100.replace("(1 + (a > 100))", "0.3").replace("1e-9 *", "1e-9 * a *"),
    )
    assert tm_generate.main(run) == 0
    assert len(list((data / "wavs").iterdir())) == 2


def test_two_runs_in_one_folder_are_kept_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = tmp_path / "data"
    arguments = [str(LFO4), str(data), "--examples", "2000"]
    going = subprocess.Popen([command("tm-generate"), *arguments])
    deadline = time.monotonic() + 60
    while not (data / "wavs" / "ex_50.wav").exists():
        assert going.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    for more in ([], ["--resume"], ["--only", "3"]):
        assert tm_generate.main([*arguments, *more]) == 1
        told = f"another run is at work in it (process {going.pid} on "
        error = capsys.readouterr().err
        assert told in error and f":  tm-generate {LFO4} {data} --examples 2000)" in error
    going.terminate()
    going.wait()
    # What a dead process held is free.
    assert tm_generate.main([*arguments, "--only", "3"]) == 0


def test_a_seed_of_any_size_is_a_seed_or_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run = [str(LFO4), str(tmp_path / "data"), "--examples", "1", "--seed"]
    for seed in (str(2**63), str(2**64), "-1", "x", "1e400"):
        try:
            status = tm_generate.main([*run, seed])
        except SystemExit as end:  # argparse
            status = end.code
        error = capsys.readouterr().err
        assert status in (1, 2) and error.startswith("error: ") and error.count("\n") == 1
        assert not (tmp_path / "data").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_folders_whose_names_are_not_text(tmp_path: Path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    odd.mkdir()
    faust_patch(tmp_path / "patch", LOUD_ABOVE_100.replace("a > 100", "a > 200"))
    run = [command("tm-generate"), tmp_path / "patch", odd / "data", "--examples", "2"]
    subprocess.run(run, check=True, capture_output=True)
    subprocess.run([*run, "--resume"], check=True, capture_output=True)
    assert len(list((odd / "data" / "wavs").iterdir())) == 2
    # An instrument there: Faust takes text only, which is said in a line.
    shutil.copytree(tmp_path / "patch", odd / "patch")
    done = subprocess.run(
        [command("tm-generate"), odd / "patch", tmp_path / "data", "--examples", "2"],
        check=False,
        capture_output=True,
    )
    assert done.returncode in (0, 1)
    assert done.stderr.count(b"\n") == done.returncode
    assert (tmp_path / "data").exists() == (done.returncode == 0)


def test_a_source_that_does_not_compile_gives_the_words_of_faust(tmp_path: Path):
    with pytest.raises(FormatError, match=r"tiny\.dsp: does not compile: .*nonsense"):
        open_engine(load_patch(faust_patch(tmp_path, "process = nonsense;")))


def test_a_control_that_is_not_there_lists_those_that_are(tmp_path: Path):
    source = (
        'process = hslider("freq", 1, 0, 9, 1) * hslider("gain", 1, 0, 1, 1)'
        ' * button("gate") * hslider("b", 0, 0, 1, 1);'
    )
    with pytest.raises(FormatError, match=r"the control 'a', .* there are b, freq, gain, gate"):
        open_engine(load_patch(faust_patch(tmp_path, source)))


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        ([0.5, -0.5], None),
        ([0.5, np.nan], "is not finite"),
        ([0.0, 0.0], "is silent"),
        ([0.5, -1.2], "is clipped"),
        ([], "is silent"),
    ],
)
def test_a_broken_sound_is_told_from_a_good_one(samples: list[float], fault: str | None):
    found = find_fault(np.array(samples, np.float32))
    assert (found is None) == (fault is None)
    assert fault is None or (found and found.startswith(fault))
