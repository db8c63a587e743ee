// What the console can do without, and is nicer with.
"use strict";

// "/" leads to the search field.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  const search = document.querySelector("[data-search]");
  if (event.key === "/" && !typing && search && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.closest("details")?.setAttribute("open", "");
    search.focus();
    search.select();
  }
});

// On a phone the navigation is wider than the screen.
const here = document.querySelector("nav a[aria-current]");
if (here) here.closest("nav").scrollLeft = here.offsetLeft - 16;

// The charts are drawn by the server, again and again.
const charts = document.querySelector("[data-refresh]");
if (charts) {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(charts.dataset.refresh, { headers: { accept: "text/plain" } });
      if (answer.status === 401) location.reload();
      else if (answer.ok) charts.innerHTML = await answer.text();
    } catch {
      // The server is away for the moment; the next look tells.
    }
  }, 5000);
}

// A secret goes to the clipboard where the browser lets it.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

// The audit trail as it grows.
const live = document.getElementById("live");
if (live && window.EventSource) {
  const state = document.getElementById("live-state");
  const longest = 200;
  let source = null;
  live.hidden = false;

  const cell = (label, ...parts) => {
    const cell = document.createElement("td");
    cell.dataset.label = label;
    for (const [text, kind] of parts) {
      if (!text) continue;
      const part = document.createElement(kind === "soft" ? "span" : "bdi");
      part.textContent = kind === "soft" ? ` ${text}` : text;
      if (kind === "soft") part.className = "soft";
      cell.append(part);
    }
    return cell;
  };

  const show = (event) => {
    const body = document.querySelector("#events tbody");
    if (!body) return location.reload();
    const row = document.createElement("tr");
    const about = [["user", event.user_id], ["client", event.client_id], ["resource", event.resource]];
    row.append(
      cell("Time", [event.created_at.slice(0, 19).replace("T", " ")]),
      cell("Action", [event.action]),
      cell("Who", [event.actor_id], [event.ip, "soft"]),
      cell("About", [about.filter(([, id]) => id).map((pair) => pair.join(" ")).join(", ")]),
      cell("Detail", [event.detail], [event.request_id && `request ${event.request_id}`, "soft"]),
    );
    row.className = "fresh";
    setTimeout(() => row.classList.remove("fresh"), 4000);
    body.prepend(row);
    while (body.rows.length > longest) body.deleteRow(-1);
  };

  live.addEventListener("click", () => {
    if (source) {
      source.close();
      source = null;
    } else {
      source = new EventSource(live.dataset.stream);
      source.onopen = () => { state.textContent = "Live: new events appear at the top, two seconds after they happen."; };
      source.onerror = () => { state.textContent = "The connection is interrupted; trying again."; };
      for (const option of document.querySelectorAll("#actions option")) {
        source.addEventListener(option.value, (message) => show(JSON.parse(message.data)));
      }
    }
    live.setAttribute("aria-pressed", String(source !== null));
    state.textContent = source ? "Connecting." : "";
  });
}
