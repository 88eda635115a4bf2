"""`scripts/quickstart` and `scripts/install`, with Pythons that only pretend: no network, nothing is installed."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = (
    "awk",
    "basename",
    "bash",
    "cat",
    "cksum",
    "cp",
    "df",
    "dirname",
    "env",
    "grep",
    "mkdir",
    "rm",
    "sleep",
    "tail",
)
# A Python whose `-m venv`, `-m pip` and `-m tunesmith` only pretend; what it reads from stdin is run by the real one.
PYTHON = r"""#!/usr/bin/env bash
# {name}
real={real}
pretend='import sys; sys.version_info = {version}; {change}; sys.argv = sys.argv[1:]; exec(sys.stdin.read())'
[ "$1" = - ] || echo "$*" >>"$CALLS"
case "$*" in
    "-m venv"*) rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; [ -n "$NO_PIP" ] || : >.venv/pip ;;
    "-c import pip") [ -e .venv/pip ] ;;
    "-m pip"*) echo "$PIP_SAYS"; [ -z "$PIP_SLEEPS" ] || {{ : >"$CALLS.asleep"; sleep 60; }}; exit "${{PIP_CODE:-0}}" ;;
    "-m tunesmith version") echo tunesmith 0 ;;
    "-m tunesmith run"*)
        mkdir -p runs/quickstart; echo "{{}}" >runs/quickstart/recipe.yaml; echo "{{}}" >runs/quickstart/provenance.json
        [ -z "$RUN_SLEEPS" ] || {{ : >"$CALLS.asleep"; sleep 60; }}
        [ -z "$RUN_CODE" ] || {{ echo "why it failed" >&2; exit "$RUN_CODE"; }}
        echo '{{"finished_at": "now"}}' >runs/quickstart/provenance.json; : >runs/quickstart/report.html ;;
    -*) exec "$real" -c "$pretend" "$@" ;;
esac
"""


@dataclass
class Clone:
    """A fresh clone, and a PATH with a few tools and the Pythons a test puts there."""

    path: Path
    bin: Path

    def add_python(self, name: str, version: tuple[int, ...] = sys.version_info[:3], change: str = "pass") -> Path:
        file = self.bin / name
        file.write_text(PYTHON.format(name=name, real=sys.executable, version=version, change=change))
        file.chmod(0o755)
        return file

    def add_tool(self, name: str, text: str) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f"#!{self.bin}/bash\n{text}\n")
        (self.bin / name).chmod(0o755)

    def environment(self, **changes: str) -> dict[str, str]:
        return {"PATH": str(self.bin), "HOME": str(self.bin), "CALLS": str(self.calls_file), **changes}

    @property
    def calls_file(self) -> Path:
        return self.bin / "calls"

    def calls(self, word: str = "") -> list[str]:
        """What the Pythons were asked to do since the last look."""
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        self.calls_file.unlink(missing_ok=True)
        return [line for line in lines if word in line]

    def start(self, *words: str, script: str = "quickstart", cwd: Path | None = None, **changes: str):
        """The exit code and what was printed on stdout and stderr."""
        done = subprocess.run(
            [self.bin / "bash", self.path / "scripts" / script, *words],
            cwd=cwd or self.path, env=self.environment(**changes), capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def start_and_signal(self, number: int, *, to_group: bool = False, **changes: str) -> tuple[int, str]:
        """Send a signal while pip or the run is at work; the exit code and stderr."""
        process = self.begin(**changes)
        os.killpg(process.pid, number) if to_group else process.send_signal(number)
        return process.wait(60), process.stderr.read()

    def begin(self, **changes: str) -> subprocess.Popen:
        """A quickstart whose pip or run is at work."""
        asleep = Path(f"{self.calls_file}.asleep")
        asleep.unlink(missing_ok=True)
        process = subprocess.Popen(
            [self.bin / "bash", "scripts/quickstart"],
            cwd=self.path, env=self.environment(**changes), stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not asleep.exists():
            assert time.monotonic() < deadline and process.poll() is None, process.communicate()
            time.sleep(0.05)
        return process


@pytest.fixture
def clone(tmp_path) -> Clone:
    made = Clone(tmp_path / "a clone", tmp_path / "bin")
    made.bin.mkdir()
    (made.path / "scripts").mkdir(parents=True)
    for name in ("scripts/install", "scripts/quickstart", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, made.path / name)
    for tool in TOOLS:
        (made.bin / tool).symlink_to(shutil.which(tool))
    return made


def one_line(text: str) -> str:
    assert len(text.splitlines()) == 1, text
    return text


RUN = "-m tunesmith run recipes/quickstart.yaml --output-dir runs/quickstart"


def test_a_fresh_clone_is_installed_and_run_and_tells_where_the_report_is_and_what_comes_next(clone):
    clone.add_python("python3")
    code, out, err = clone.start()
    assert code == 0, err
    assert (
        out
        == "\nReport: runs/quickstart/report.html   (open it in a browser)\nNext:   .venv/bin/tunesmith chat runs/quickstart\n"
    )
    pip = [line.split(" off ")[1].split("==")[0] for line in clone.calls("-m pip")]
    assert pip == ["torch", "-r requirements.txt", "--no-deps --no-build-isolation --editable ."]
    assert "needs the network, and some minutes the first time" in err


def test_a_finished_quickstart_shows_its_report_again_and_how_to_run_anew(clone):
    clone.add_python("python3")
    first = clone.start()
    clone.calls()
    code, out, err = clone.start()
    assert (code, out) == (0, first[1]) and clone.calls() == []
    assert one_line(err).endswith("To run it anew: bash scripts/quickstart --overwrite\n")
    assert clone.start("--overwrite")[0] == 0 and clone.calls() == [f"{RUN} --overwrite"]


def test_results_that_cannot_be_read_are_one_line(clone):
    clone.add_python("python3")
    assert clone.start()[0] == 0
    (clone.path / "runs/quickstart/eval").mkdir()
    (clone.path / "runs/quickstart/eval/summary.json").write_text("{")
    code, out, err = clone.start()
    assert (code, out) == (3, "")
    assert err.splitlines()[-1].startswith(
        "The results in runs/quickstart cannot be read. Begin anew: bash scripts/quickstart"
    )


def test_from_another_folder_the_commands_can_be_pasted_there(clone, tmp_path):
    clone.add_python("python3")
    code, out, err = clone.start(cwd=tmp_path)
    assert code == 0, err
    assert f"Next:   '{clone.path}/.venv/bin/tunesmith' chat '{clone.path}/runs/quickstart'\n" in out
    assert f"Report: '{clone.path}/runs/quickstart/report.html' " in out


# ── which Python ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_any_python_on_the_path_that_is_new_enough_will_do(clone):
    clone.add_python("python3", (3, 9, 2))
    clone.add_python("python3.13", change='sys.modules["ensurepip"] = None')
    clone.add_tool("python3.12", "echo pyenv: python3.12: command not found >&2; exit 127")
    clone.add_python("python3.11")
    code, _, err = clone.start()
    assert code == 0 and "command not found" not in err
    assert "# python3.11\n" in (clone.path / ".venv/bin/python").read_text()


@pytest.mark.parametrize(
    ("version", "change", "message"),
    [
        ((3, 9, 2), "pass", "Tunesmith needs Python 3.11 or newer; python3 3.9.2 was found. Install one, or set PYTHON="),
        ((2, 7, 18), "pass", "Tunesmith needs Python 3.11 or newer; python3 2.7.18 was found."),
        ((3, 12, 1), 'sys.modules["ensurepip"] = None', "python3 3.12.1 has no venv or no ensurepip, so .venv cannot be made. On Debian or Ubuntu: sudo apt install python3.12-venv."),
        ((3, 12, 1), 'sys.modules["venv"] = None', "python3 3.12.1 has no venv or no ensurepip"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("script", ["quickstart", "install"])
def test_a_python_that_will_not_do_is_one_line(clone, version, change, message, script):
    clone.add_python("python3", version, change)
    code, out, err = clone.start(script=script)
    assert (code, out) == (2, "") and one_line(err).startswith(message)
    assert not (clone.path / ".venv").exists()


def test_no_python_at_all_is_one_line(clone):
    code, _, err = clone.start()
    assert code == 2 and one_line(err).startswith("Tunesmith needs Python 3.11 or newer; none was found.")


def test_a_python_that_was_asked_for_is_the_only_one_tried(clone):
    clone.add_python("python3")
    old = clone.add_python("python3.8", (3, 8, 1))
    code, _, err = clone.start(PYTHON=str(old))
    assert code == 2 and f"{old} 3.8.1 was found" in one_line(err)


def test_a_venv_of_an_older_python_is_not_deleted_but_told(clone):
    clone.add_python("python3")
    old = clone.add_python("old", (3, 10, 4))
    (clone.path / ".venv/bin").mkdir(parents=True)
    shutil.copy(old, clone.path / ".venv/bin/python")
    code, _, err = clone.start()
    assert code == 2
    assert (
        one_line(err)
        == ".venv was made with Python 3.10.4, but 3.11 or newer is needed. Delete the folder .venv, and run again.\n"
    )


# ── an installation that goes wrong ─────────────────────────────────────────────────────────────────────────────────

NETWORK = (
    "WARNING: Retrying: NewConnectionError: Temporary failure in name resolution\nERROR: No matching distribution found"
)


@pytest.mark.parametrize(
    ("said", "exit_code", "message"),
    [
        (NETWORK, 5, "The packages could not be fetched. Check the network or pip's settings, and run again to continue."),
        ("ERROR: OSError: [Errno 28] No space left on device", 5, "The disk is full. Make room, and run again to continue."),
        ("ERROR: No matching distribution found for torch", 1, "pip failed: ERROR: No matching distribution found for torch."),
        ("Segmentation fault", 1, "pip failed: exit code 1."),
    ],
)  # fmt: skip
def test_a_failure_of_pip_is_one_line_and_the_next_start_continues(clone, said, exit_code, message):
    clone.add_python("python3")
    code, out, err = clone.start(PIP_CODE="1", PIP_SAYS=said)
    last = err.splitlines()[-1]
    assert (
        (code, out) == (exit_code, "") and last.startswith(message) and last.endswith(f"{clone.path}/.venv/install.log")
    )
    assert said in (clone.path / ".venv/install.log").read_text()
    assert len(clone.calls("-m venv")) == 1
    assert clone.start()[0] == 0 and clone.calls("-m venv") == []


def test_a_killed_pip_is_told(clone):
    clone.add_python("python3")
    code, _, err = clone.start(PIP_CODE="137")
    assert code == 5 and err.splitlines()[-1].startswith("pip was killed (exit code 137), perhaps for want of memory.")


def test_a_venv_that_comes_without_pip_is_told(clone):
    clone.add_python("python3")
    code, _, err = clone.start(NO_PIP="1")
    assert code == 2 and one_line(err).startswith(
        "python3 made .venv without pip. On Debian or Ubuntu: sudo apt install"
    )


def test_an_environment_that_has_lost_its_python_or_its_pip_is_made_anew(clone):
    clone.add_python("python3")
    assert clone.start(script="install")[0] == 0
    for lost in ("bin/python", "pip"):
        (clone.path / ".venv" / lost).unlink()
        (clone.path / "requirements.txt").write_text(f"torch==1\n# without {lost}\n")
        clone.calls()
        assert clone.start(script="install")[0] == 0 and len(clone.calls("-m venv")) == 1


def test_a_clone_that_was_moved_or_has_other_requirements_is_installed_again(clone):
    clone.add_python("python3")
    assert clone.start(script="install")[0] == 0
    clone.calls()
    clone.path = clone.path.rename(clone.path.with_name("elsewhere"))
    assert clone.start(script="install")[0] == 0 and len(clone.calls("-m pip")) == 3
    assert clone.start(script="install") == (0, "", "") and clone.calls() == []
    (clone.path / "requirements.txt").write_text("torch==2\n")
    assert clone.start(script="install")[0] == 0 and len(clone.calls("-m pip")) == 3


def test_too_little_room_is_told_before_anything_is_made(clone):
    clone.add_python("python3")
    clone.add_tool("df", 'printf "h\\n/dev/x 9 9 1048576 1%% /\\n"')
    code, _, err = clone.start()
    assert code == 5 and one_line(err).startswith(
        f"Only 1024 MB are free in {clone.path}, and an installation needs 3 GB."
    )
    assert not (clone.path / ".venv").exists()


def test_a_read_only_clone_is_one_line(clone):
    """As root everything can be written, so the refusal comes from a double."""
    clone.add_python("python3")
    clone.add_tool("mkdir", 'echo "mkdir: cannot create directory: Read-only file system" >&2; exit 1')
    code, _, err = clone.start()
    assert code == 5 and one_line(err).startswith(
        f"Nothing can be written in {clone.path}: it is read-only, or not yours."
    )


def test_a_file_in_the_place_of_the_venv_is_told(clone):
    clone.add_python("python3")
    (clone.path / ".venv").write_text("")
    code, _, err = clone.start()
    assert code == 5 and one_line(err).startswith(f"{clone.path}/.venv is a file, where a folder is to be.")


# ── stopped, and started again ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("number", "to_group", "exit_code"), [(signal.SIGINT, False, 130), (signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)]
)  # fmt: skip
def test_an_installation_stopped_in_the_middle_is_begun_anew(clone, number, to_group, exit_code):
    clone.add_python("python3")
    code, err = clone.start_and_signal(number, to_group=to_group, PIP_SLEEPS="1")
    assert code == exit_code
    assert err.splitlines()[-1] == "Stopped. Run it again to continue: bash scripts/quickstart"
    code, _, err = clone.start()
    assert code == 0 and err.startswith("The last installation was stopped in the middle: beginning anew.\n")
    assert len(clone.calls("-m venv")) == 2


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_stopped_in_the_middle_goes_on(clone, number, exit_code):
    clone.add_python("python3")
    code, err = clone.start_and_signal(number, RUN_SLEEPS="1")
    assert (code, err.splitlines()[-1]) == (exit_code, "Stopped. Run it again to continue: bash scripts/quickstart")
    clone.calls()
    code, out, err = clone.start()
    assert code == 0 and one_line(err) == "Going on with the run in runs/quickstart\n" and "Report:" in out
    assert clone.calls() == [f"{RUN} --resume"]


def test_ctrl_c_at_a_terminal_stops_it(clone):
    """Typed, not sent: the terminal signals whoever is in front."""
    clone.add_python("python3")
    asleep, (ours, theirs) = Path(f"{clone.calls_file}.asleep"), pty.openpty()
    process = subprocess.Popen(
        [clone.bin / "bash", "scripts/quickstart"], cwd=clone.path, env=clone.environment(RUN_SLEEPS="1"),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not asleep.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.write(ours, b"\x03")
    assert process.wait(60) == 130
    told = os.read(ours, 10_000).decode()
    assert told.endswith("Stopped. Run it again to continue: bash scripts/quickstart\r\n")


@pytest.mark.parametrize(
    ("run_code", "exit_code", "message"),
    [
        ("130", 130, "Stopped. Run it again to continue: bash scripts/quickstart"),
        ("5", 5, "The run did not finish. To continue: bash scripts/quickstart. From the start: bash scripts/quickstart --overwrite"),
        ("137", 5, "The run was killed, perhaps for want of memory. To continue: bash scripts/quickstart"),
    ],
)  # fmt: skip
def test_a_run_that_fails_ends_with_its_exit_code_after_its_own_words(clone, run_code, exit_code, message):
    clone.add_python("python3")
    code, out, err = clone.start(RUN_CODE=run_code)
    assert (code, out) == (exit_code, "") and err.splitlines()[-2:] == ["why it failed", message]


def test_a_second_quickstart_at_the_same_time_is_refused(clone):
    clone.add_python("python3")
    first = clone.begin(PIP_SLEEPS="1")
    try:
        code, _, err = clone.start()
        assert (
            code == 5 and one_line(err) == f"Another quickstart is at work in {clone.path}. Wait for it, or stop it.\n"
        )
    finally:
        first.send_signal(signal.SIGTERM)
        first.wait(60)
    assert clone.start()[0] == 0


def test_another_installation_is_waited_for(clone):
    clone.add_python("python3")
    first = clone.begin(PIP_SLEEPS="1")
    second = subprocess.Popen(
        [clone.bin / "bash", "scripts/install"], cwd=clone.path, env=clone.environment(), stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    assert second.stderr.readline() == "Another installation is at work in this folder: waiting for its end.\n"
    first.send_signal(signal.SIGTERM)
    first.wait(60)
    assert second.wait(60) == 0 and (clone.path / ".venv/installed").exists()


def test_another_argument_is_one_line(clone):
    code, _, err = clone.start("--anew")
    assert (code, err) == (2, "Usage: bash scripts/quickstart [--overwrite], not: --anew\n")


# ── the real thing, with a model and data that are small ────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_the_real_run_is_stopped_and_goes_on_to_its_report(clone, model_folders):
    from tests.workflows.recipes import write_rows

    clone.add_python("python3")
    assert clone.start(script="install")[0] == 0
    python = clone.path / ".venv/bin/python"
    python.write_text(f'#!/usr/bin/env bash\nexec "{sys.executable}" "$@"\n')
    write_rows(clone.path / "recipes/rows.jsonl", 200)
    recipe = {
        "model": {"name_or_path": str(model_folders["llama"])},
        "data": {"sources": ["recipes/rows.jsonl"]},
        "train": {"max_steps": 100, "save_steps": 10, "max_length": 128},
        "evaluate": {"max_new_tokens": 4, "max_samples": 5},
    }
    (clone.path / "recipes/quickstart.yaml").write_text(json.dumps(recipe))
    process = subprocess.Popen(
        [clone.bin / "bash", "scripts/quickstart"], cwd=clone.path, env=clone.environment(), stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    checkpoints = clone.path / "runs/quickstart/checkpoints"
    while not list(checkpoints.glob("step-*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    told = process.stderr.read()
    assert "of 100; continue with --resume.\nStopped. Run it again to continue: bash scripts/quickstart\n" in told
    code, out, err = clone.start()
    assert code == 0 and "Traceback" not in err
    assert "tuned" in out.splitlines()[1] and "Report: runs/quickstart/report.html" in out
    assert clone.start()[1] == out
