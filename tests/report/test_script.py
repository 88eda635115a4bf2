"""The search and the filters of the page, tried in a browser without a server; skipped where there is none."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.run_folder import write_run
from tunesmith.report import write_report

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ACTIONS = """
{
const told = {};
const form = document.getElementById("filters");
const seen = () => [...document.querySelectorAll("#sample-list .samples > li")].filter((item) => !item.hidden);
const after = (ms) => new Promise((done) => setTimeout(done, ms));
const put = async (values) => {
  form.reset(); await after(20);
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  form.dispatchEvent(new Event("input", { bubbles: true })); await after(20);
  return { shown: seen().length, marks: [...new Set(seen().map((item) => item.firstElementChild.dataset.c))], said: form.querySelector("output").textContent };
};
(async () => {
  told.visible = !form.hidden;
  told.every = seen().length;
  for (const [name, values] of Object.entries(CASES)) told[name] = await put(values);
  form.reset(); await after(20);
  told.reset = seen().length;
  document.querySelector("table a.to").click(); await after(50);
  told.link = { shown: seen().length, task: form.elements.task.selectedOptions[0].textContent };
  const head = document.querySelector("table.families thead button"); head.focus();
  told.focus = document.activeElement === head; head.click();
  told.sorted = head.closest("th").getAttribute("aria-sort");
  const table = head.closest("table"), column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent === "Tuned");
  table.tBodies[0].rows[0].cells[column].replaceChildren("n/a");
  told.missing = [1, 2].map(() => { table.tHead.rows[0].cells[column].firstElementChild.click(); return [...table.tBodies[0].rows].pop().cells[column].textContent; });
  dispatchEvent(new Event("beforeprint"));
  told.folded = [...document.querySelectorAll("details:not([open])")].map((fold) => fold.className);
  document.body.replaceChildren(JSON.stringify(told));
})().catch((error) => document.body.replaceChildren(JSON.stringify({ error: String(error.stack) })));
}
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[dict, list[dict]]:
    """What the filters showed, and the samples of the page."""
    if BROWSER is None:
        pytest.skip("no browser here")
    folder = tmp_path_factory.mktemp("script")
    run = write_run(folder / "run", tasks=("open_qa", "classification"), samples_per_task=12, num_resamples=50)
    page, _ = write_report(run)
    cases = {
        "word": {"text": "CAPITAL"},
        "nothing": {"text": "no such words anywhere"},
        "better": {"change": "better"},
        "wrong": {"right": "tuned:wrong"},
        "low": {"metric": "ROUGE-L", "low": "0", "high": "0.5"},
        "task": {"task": "1"},
    }
    script = ACTIONS.replace("CASES", json.dumps(cases))
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    tried = folder / "tried.html"
    tried.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    options = [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=8000", "--dump-dom", tried.as_uri()]
    found = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120).stdout
    body = re.search(r"<body>(.*)</body>", found, re.DOTALL)
    return json.loads(body[1]), _samples(run)


def _samples(run: Path) -> list[dict]:
    return [
        json.loads(line)
        for path in sorted((run / "eval" / "tuned").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def test_every_sample_is_shown_until_something_is_asked_for_and_again_after(told):
    found, samples = told
    assert found["visible"] and found["every"] == found["reset"] == len(samples) == 24


def test_a_word_is_searched_in_any_case_and_the_number_of_hits_is_said(told):
    found, _ = told
    assert 0 < found["word"]["shown"] < 24
    assert found["word"]["said"] == f"{found['word']['shown']} of 24 samples"
    assert found["nothing"]["shown"] == 0 and found["nothing"]["said"] == "0 of 24 samples"


def test_samples_are_filtered_by_what_became_of_them_by_score_and_by_task(told):
    found, samples = told
    assert found["better"]["shown"] > 0 and found["better"]["marks"] == ["better"]
    assert found["low"]["shown"] == sum(sample["scores"]["rougeL"] <= 0.5 for sample in samples)
    assert found["task"]["shown"] == 12


def test_a_name_in_a_table_leads_to_its_samples_and_its_columns_can_be_sorted_by_keyboard(told):
    found, _ = told
    assert found["link"]["shown"] == 12 and found["link"]["task"] in ("open_qa", "classification")
    assert found["focus"] and found["sorted"] == "ascending"
    assert found["missing"] == ["n/a", "n/a"]  # what has no number stands last, whichever way it is sorted


def test_on_paper_everything_is_unfolded_but_the_samples(told):
    found, samples = told
    assert found["folded"] == ["sample"] * len(samples)
