// Sorting and filtering are a convenience: without this script every row is there, in the order of the run.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], heads = table.tHead.rows[0].cells;
  [...heads].forEach((head, column) => {
    if (head.classList.contains("plot")) return;
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].querySelector("data")?.value ?? row.cells[column].textContent.trim();
      const rows = [...body.rows], sign = down ? -1 : 1;
      const isMissing = (row) => ["", "n/a"].includes(key(row));
      const areNumbers = rows.every((row) => isMissing(row) || !Number.isNaN(parseFloat(key(row))));
      const compare = areNumbers ? (a, b) => key(a) - key(b) : (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
      rows.sort((a, b) => isMissing(a) - isMissing(b) || (isMissing(a) ? 0 : sign * compare(a, b)));
      body.append(...rows);
    });
  });
}
for (const input of document.querySelectorAll("input.filter")) {
  const place = document.getElementById(input.getAttribute("aria-controls"));
  input.hidden = false;
  input.addEventListener("input", () => {
    if (input.value) place.querySelectorAll("details").forEach((fold) => (fold.open = true));
    for (const row of place.querySelectorAll("tbody tr")) row.hidden = !row.cells[0].textContent.toLowerCase().includes(input.value.toLowerCase());
  });
}
// On paper everything is unfolded but the samples, which would be hundreds of pages.
addEventListener("beforeprint", () => document.querySelectorAll("details:not(.sample)").forEach((fold) => (fold.open = true)));
// The samples: found by their words, task, scores and what became of them; a figure leads to those it was made of.
const form = document.getElementById("filters");
if (form) {
  const groups = [...document.querySelectorAll("#sample-list .task")];
  const rows = groups.flatMap((group) => [...group.querySelectorAll(".sample")].map((sample) => ({ sample, group, item: sample.parentElement, text: null, scores: null })));
  const wordsOf = (row) => (row.text ??= row.sample.textContent.toLowerCase());
  const scoresOf = (row) => (row.scores ??= new Map([...row.sample.querySelectorAll(".scores li")].map((line) => [line.firstChild.data.trim(), [...line.querySelectorAll("b")].map((value) => parseFloat(value.textContent.replaceAll(",", "").replaceAll("\u2212", "-")))])));
  let chosen = null; // tasks a figure leads to, where they are several
  const filter = () => {
    const asked = Object.fromEntries(new FormData(form)), words = asked.text.toLowerCase().trim();
    const low = asked.low === "" ? -Infinity : Number(asked.low), high = asked.high === "" ? Infinity : Number(asked.high);
    const bounded = asked.low !== "" || asked.high !== "", tasks = asked.task ? [asked.task] : chosen;
    const isFiltered = words || tasks || asked.change || asked.right || asked.novelty || bounded;
    const inRange = (row) => { const score = scoresOf(row).get(asked.metric)?.[Number(asked.system ?? 0)]; return score >= low && score <= high; };
    let shown = 0;
    const left = new Map();
    for (const row of rows) {
      const data = row.sample.dataset;
      const keep = (!tasks || tasks.includes(row.group.dataset.task)) && (!asked.change || data.c === asked.change) && (!asked.right || (data.r ?? "").split(" ").includes(asked.right)) && (!asked.novelty || data.n === asked.novelty) && (!bounded || inRange(row)) && (!words || wordsOf(row).includes(words));
      row.item.hidden = !keep;
      shown += keep;
      left.set(row.group, (left.get(row.group) ?? 0) + keep);
    }
    for (const group of groups) {
      group.hidden = !left.get(group);
      group.open = Boolean(isFiltered && left.get(group)) || rows.length <= 20;
    }
    const output = form.querySelector("output"), more = shown ? "" : output.dataset.more ?? "";
    output.textContent = isFiltered ? `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} samples${more}` : "";
  };
  let wait;
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => { if (event.target.name === "task") chosen = null; clearTimeout(wait); wait = setTimeout(filter, event.target.name === "text" ? 150 : 0); });
  form.addEventListener("reset", () => { chosen = null; setTimeout(filter); });
  for (const link of document.querySelectorAll("a.to")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      form.reset();
      const tasks = link.dataset.tasks.split(" ");
      setTimeout(() => {
        chosen = tasks.length > 1 ? tasks : null;
        if (tasks.length === 1) form.elements.task.value = tasks[0];
        form.elements.text.value = link.dataset.search ?? "";
        if (form.elements.novelty) form.elements.novelty.value = link.dataset.novelty ?? "";
        filter();
        document.getElementById("samples").scrollIntoView();
        form.elements.text.focus({ preventScroll: true });
      }, 1);
    });
  }
  filter();
}
