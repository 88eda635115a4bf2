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
      const areNumbers = rows.every((row) => !Number.isNaN(parseFloat(key(row))));
      const compare = areNumbers ? (a, b) => key(a) - key(b) : (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
      rows.sort((a, b) => sign * compare(a, b));
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
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
