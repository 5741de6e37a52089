// Filters rows and episodes by words and outcome, sorts tables by a column, opens the episode that a link names.
(() => {
  const words = document.querySelector("#filter");
  const outcome = document.querySelector("#outcome");
  const count = document.querySelector("#count");

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    const all = document.querySelectorAll("[data-text]");
    for (const item of all) {
      const text = item.dataset.text.toLowerCase();
      const fits = wanted.every((word) => text.includes(word));
      item.hidden = !fits || (item.dataset.outcome && outcome.value && item.dataset.outcome !== outcome.value);
      if (!item.hidden && item.matches("tr.task")) shown++;
    }
    count.textContent = `${shown} of ${document.querySelectorAll("tr.task").length} tasks`;
  }

  function sort(header) {
    const body = header.closest("table").tBodies[0];
    const column = header.cellIndex;
    const down = header.getAttribute("aria-sort") !== "descending";
    const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const rows = [...body.rows].sort((a, b) => {
      const [one, other] = [value(a), value(b)];
      const order = isNaN(one) || isNaN(other) ? one.localeCompare(other) : one - other;
      return down ? -order : order;
    });
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  }

  function open() {
    const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!named || !named.matches("details")) return;
    named.hidden = false;
    named.open = true;
    named.scrollIntoView();
  }

  if (words) {
    words.addEventListener("input", filter);
    outcome.addEventListener("change", filter);
    filter();
  }
  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => sort(button.closest("th")));
  }
  window.addEventListener("hashchange", open);
  // Paper shows what is open; all that is not filtered out is.
  window.addEventListener("beforeprint", () => {
    for (const episode of document.querySelectorAll("details.episode")) episode.open = true;
  });
  open();
})();
