"""The command line: every command explains itself, and whatever goes wrong is one sentence and no traceback."""

import re
import shlex
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from documented import DOCUMENTS, ROOT, commands

from n2n_render import __version__
from n2n_render.cli.commands import main

COMMANDS = sorted(main.commands)


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_option_and_shows_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0 and f"Example:\n    n2n-render {command}" in result.output
    options = [param for param in main.commands[command].params if isinstance(param, click.Option)]
    assert not [option.name for option in options if not option.help]
    check([shlex.split(line) for line in re.findall(r"^    n2n-render (.*)$", result.output, re.M)])


def test_the_list_of_commands_has_whole_sentences():
    listed = " ".join(run("--help").output.split("Commands:")[1].split())
    for command in COMMANDS:
        first = " ".join(main.commands[command].help.split()).split(". ")[0].rstrip(".")
        assert f"{command} {first}" in listed


@pytest.mark.parametrize("command, shows", [("models", ["oidn-large", "Apache-2.0"]), ("engines", ["torch", "cpu"])])
def test_lists_show_what_is_there(command, shows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(command)
    assert result.exit_code == 0 and all(text in result.output for text in shows)


@pytest.mark.slow
def test_cli_py_runs_from_a_checkout():
    done = subprocess.run([sys.executable, ROOT / "cli.py", "--version"], capture_output=True, text=True, check=True)
    assert __version__ in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_the_documents_exist(document):
    """Every `n2n-render …` line of the code blocks parses: command and options are real."""
    check(commands(document))


def test_the_documents_are_full_of_commands():
    assert sum(map(len, map(commands, DOCUMENTS))) > 60


def test_commands_of_the_noise2noise_table_exist():
    """What the benchmark would run."""
    script = ROOT / "tests/benchmarks/noise2noise/table.py"
    planned = [sys.executable, script, "PICTURES", "--out", "FOLDER", "--plan"]
    done = subprocess.run(planned, capture_output=True, text=True, check=True)
    lines = [line.removeprefix("n2n-render ").split() for line in done.stdout.splitlines()]
    assert len(lines) >= 5
    check(lines)


def check(lines):
    """Words of commands; options of the program itself stand before the command's name."""
    for words in lines:
        name = next(word for word in words if word in main.commands)
        params = [*main.params, *main.commands[name].params]
        known = {spelling for option in params for spelling in option.opts + option.secondary_opts}
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, words


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["sample", "--scene", "missing.blend", "--spp", "4"], "missing.blend"),
        (["sample", "--scene", __file__, "--spp", "4", "--size", "wide"], "wide"),
        (["sample", "--scene", __file__, "--spp", "4", "--frames", "9-1"], "9-1"),
        (["sample", "--scene", __file__, "--spp", "4", "--views", "3", "--frames", "1,2"], "--views"),
        (["train", "--data", "nowhere"], "nowhere"),
        (["train", "--out", "run.png"], "run.png"),
        (["sample", "--scene", __file__, "--spp", "4", "--out", "x.exr"], "x.exr is the name of a file"),
        (["evaluate", "--out", "compare.jpg"], "compare.jpg"),
        (["online", "--scene", __file__, "--spp", "4", "--frames", "1-2", "-o", "film.mp4"], "film.mp4"),
        (["denoise", "a.exr", "--model", "oidn", "-o", "out.png"], "a.exr: no such file"),
        (["train", "--features", "albedo,colour"], "colour"),
        (["train", "--widths", "48"], "48"),
        (["train", "--resume", "nowhere"], "nowhere"),
        (["train", "--resume", "nowhere", "--learning-rate", "1e-3"], "--learning-rate"),
        (["train", "--device", "cuda:99"], "cuda:99"),
        (["denoise", "missing.exr", "--model", "a.pt", "-o", "b.exr"], "missing.exr"),
        (["denoise", __file__, "--model", "missing.pt", "-o", "b.exr"], "missing.pt"),
        (["denoise", __file__, "--model", "oidn-huge", "-o", "b.exr"], "oidn-huge"),
        (["train", "--init", "missing.tza"], "missing.tza"),
        (["train", "--init", "oidn", "--norm", "none"], "--norm"),
        (["train", "--network", "oidn", "--ldr", "--features", "none"], "--hdr"),
        (["train", "--hdr", "--network", "oidn", "--levels", "3"], "--levels"),
        (["export", "missing.pt", "--format", "tza", "-o", "a.tza"], "missing.pt"),
        (["evaluate", "--data", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_sentence_with_a_hint(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 1 and says in result.output and "error:" in result.output
    assert "Traceback" not in result.output and len(result.output.strip().splitlines()) >= 2
    assert not list(tmp_path.iterdir())


def test_a_full_memory_is_one_sentence_too(monkeypatch):
    def fill(*arguments):
        raise MemoryError("Unable to allocate 12 GiB")

    monkeypatch.setattr("n2n_render.network.registry.list_models", fill)
    result = run("models")
    assert result.exit_code == 1 and "12 GiB" in result.output and "Traceback" not in result.output


@pytest.mark.slow
@pytest.mark.parametrize("ignored", ["", "trap '' INT; "], ids=["foreground", "background"])
def test_sigterm_saves_the_training_as_ctrl_c_does(make_dataset, tmp_path, ignored):
    """Also in a background job, whose shell makes it ignore Ctrl-C."""
    run_folder = tmp_path / "run"
    line = (
        f"{ignored}exec '{sys.executable}' -m n2n_render --progress json train --hdr --data '{make_dataset()}' "
        f"--out '{run_folder}' --steps 100000 --levels 1 --widths 8,8 --crop 16"
    )
    process = subprocess.Popen(["sh", "-c", line], stderr=subprocess.PIPE, text=True)
    for text in process.stderr:
        if "step 5 " in text:
            process.send_signal(signal.SIGTERM)
            break
    talk = process.stderr.read()
    assert process.wait(60) == 130 and "--resume" in talk and "Traceback" not in talk
    assert (run_folder / "last.pt").exists()


@pytest.mark.slow
def test_a_model_of_other_features_names_the_missing_pass(make_dataset, tmp_path):
    from n2n_render.io.exr import read_frame, write_frame
    from n2n_render.network.checkpoint import Checkpoint, write_checkpoint
    from n2n_render.network.paper import UNet
    from n2n_render.network.specification import PaperNetwork, Specification

    config = Specification(
        features=("depth",), network=PaperNetwork(levels=1, encoder_width=4, decoder_width=4, head_widths=(4, 4))
    )
    write_checkpoint(tmp_path / "m.pt", Checkpoint(config, UNet(config).state_dict()))
    write_frame(tmp_path / "plain.exr", read_frame(make_dataset(views=1) / "v000_f0001_s0001_0008spp.exr"))
    result = run("denoise", tmp_path / "plain.exr", "--model", tmp_path / "m.pt", "-o", tmp_path / "out.exr")
    assert result.exit_code == 1 and "Denoising Depth" in result.output
    assert not (tmp_path / "out.exr").exists()


def test_an_unwritable_place_is_a_sentence(make_dataset, tmp_path):
    (tmp_path / "file").touch()
    result = run("train", "--data", make_dataset(), "--out", tmp_path / "file" / "run", "--steps", "1")
    assert result.exit_code == 1 and "cannot be made" in result.output


@pytest.mark.parametrize("said, meant", [("half", "float16"), ("float32", "float32"), ("auto", "auto")])
def test_what_users_call_a_precision_is_translated_at_the_door(said, meant):
    """Inside there is one word for each; no other is taken there."""
    import click

    from n2n_render.adapt.options import AdaptOptions
    from n2n_render.cli.options import engine_options
    from n2n_render.errors import N2NError

    @click.command()
    @engine_options(average="1")
    def tell(precision, **_):
        click.echo(AdaptOptions(("a",), "out", precision=precision).precision)

    assert CliRunner().invoke(tell, ["--precision", said]).output == f"{meant}\n"
    with pytest.raises(N2NError, match="precision is 'half'"):
        AdaptOptions(("a",), "out", precision="half")


@pytest.mark.slow
@pytest.mark.parametrize("said, half", [("half", True), ("single", False)])
def test_an_export_knows_both_words_of_its_door(make_dataset, tmp_path, said, half):
    frame = make_dataset(views=1) / "v000_f0001_s0001_0008spp.exr"
    path = tmp_path / "m.pt"
    result = run("export", "oidn-small", "--format", "torchscript", "-o", path, "--precision", said, "--check", frame)
    assert result.exit_code == 0 and f"wrote {path} and {path}.json; on {frame} it differs from oidn-small" in result.output
    assert f'"precision": "{"half" if half else "single"}"' in (tmp_path / "m.pt.json").read_text()
