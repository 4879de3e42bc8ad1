"""The files that serve the repository agree with the package, and can be read by those that they are for."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from n2n_render import __version__

ROOT = Path(__file__).parents[2]
YAML = [*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"]
FORM = {
    "markdown": (),
    "textarea": ("label",),
    "input": ("label",),
    "dropdown": ("label", "options"),
    "checkboxes": ("options",),
}


def read(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def settings():
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg")
    return found


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_every_file_can_be_parsed(path):
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_the_version_stands_in_one_place_and_the_citation_agrees():
    assert read("CITATION.cff")["version"] == __version__
    assert settings()["metadata"]["version"] == "attr: n2n_render.version.__version__"
    assert re.search(r'^version = "0\.0\.0"', (ROOT / "blender_addon" / "blender_manifest.toml").read_text(), re.M)


def test_the_citation_has_what_its_format_asks_for():
    found = read("CITATION.cff")
    assert found["cff-version"] == "1.2.0" and found["message"] and found["title"] and found["license"] == "Apache-2.0"
    assert all("name" in author or "family-names" in author for author in found["authors"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(found["date-released"])) if "date-released" in found else True


def test_hosted_ci_runs_what_the_package_says_that_it_supports():
    jobs = read(".github/workflows/ci.yml")["jobs"]
    matrix = jobs["fast"]["strategy"]["matrix"]
    least = settings()["options"]["python_requires"].removeprefix(">=")
    assert matrix["python"][0] == least and matrix["python"] == sorted(matrix["python"], key=lambda text: int(text[2:]))
    assert {system.split("-")[0] for system in matrix["os"]} == {"ubuntu", "windows", "macos"}
    wheels = re.findall(r'bpy.*python_version == "(3\.\d+)"', (ROOT / "setup.cfg").read_text())
    assert set(wheels) <= set(matrix["python"])
    blenders = jobs["blender"]["strategy"]["matrix"]["blender"]
    assert {text.rpartition(".")[0] for text in blenders} >= {"4.2", "4.5"} and any(text.startswith("5.") for text in blenders)


def test_every_script_that_a_workflow_runs_is_there():
    for path in ROOT.glob(".github/workflows/*.yml"):
        runs = [step["run"] for job in read(path)["jobs"].values() for step in job["steps"] if "run" in step]
        assert runs
        for name in re.findall(r"(?:^|\s)(\.ci/\w+|[\w/]+\.py)\b", "\n".join(runs)):
            assert (ROOT / name).is_file(), (path.name, name)


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.name)
def test_issue_forms_are_as_the_host_wants_them(path):
    form = read(path)
    assert form["name"] and form["description"] and form["body"]
    for entry in form["body"]:
        assert set(FORM[entry["type"]]) <= set(entry["attributes"]), entry
        assert entry["type"] == "markdown" or entry["id"]
    identifiers = [entry["id"] for entry in form["body"] if "id" in entry]
    assert len(set(identifiers)) == len(identifiers)


def test_a_bug_report_asks_for_the_doctor():
    asked = next(entry for entry in read(".github/ISSUE_TEMPLATE/bug.yml")["body"] if entry.get("id") == "doctor")
    assert "n2n-render doctor" in asked["attributes"]["description"] and asked["validations"]["required"]


def test_hooks_run_what_is_installed_and_fetch_nothing():
    hooks = [(source["repo"], hook) for source in read(".pre-commit-config.yaml")["repos"] for hook in source["hooks"]]
    assert {source for source, _ in hooks} == {"local"} and {hook["language"] for _, hook in hooks} == {"system"}
    names = settings()["options.extras_require"]["test"]
    assert all(hook["entry"].split()[0] in names for _, hook in hooks)


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
@pytest.mark.parametrize("name", ["run", "wheel", "system"])
def test_scripts_are_programs_without_mistakes_of_grammar(name):
    path = ROOT / ".ci" / name
    assert os.access(path, os.X_OK) and not subprocess.run(["bash", "-n", path]).returncode


@pytest.mark.skipif(sys.platform != "linux", reason="on other systems nothing is installed")
@pytest.mark.parametrize("user, has, done", [(0, (), False), (1000, ("apt-get",), False), (1000, ("apt-get", "sudo"), True)])
def test_a_system_that_lacks_something_gets_it_or_is_told(tmp_path, user, has, done):
    """On a machine with none of the browsers, whose programs are these alone."""
    for name in ("bash", "dirname", "uname", "unshare"):
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "python3").symlink_to(sys.executable)
    scripts = {name: f'echo "{name} $*" >> {tmp_path}/said' for name in has}
    for name, script in {**scripts, "id": f"echo {user}"}.items():
        (tmp_path / name).write_text(f"#!{tmp_path}/bash\n{script}\n")
        (tmp_path / name).chmod(0o755)
    run = subprocess.run([ROOT / ".ci" / "system"], capture_output=True, text=True, env={"PATH": str(tmp_path)})
    if done:
        assert run.returncode == 0, run.stderr
        lines = (tmp_path / "said").read_text().splitlines()
        assert lines[0].startswith("sudo apt-get update") and lines[1].startswith("sudo env DEBIAN_FRONTEND=")
        assert lines[1].endswith(" chromium")
    else:
        assert run.returncode == 1 and re.match(r"error: this system lacks( \S+)* chromium \(Debian", run.stderr), run.stderr
        assert not (tmp_path / "said").exists()


def test_the_first_block_of_python_in_the_readme_is_a_program():
    command = [sys.executable, ROOT / ".ci" / "python_block.py", ROOT / "README.md"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    compile(text, "README.md", "exec")
    assert "import n2n_render" in text and "clean.exr" in text
