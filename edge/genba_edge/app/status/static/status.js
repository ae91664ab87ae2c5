// Refreshes the page in place: what is open stays open, and a gateway that does not answer is said to be silent.
"use strict";

const EVERY_MS = 3000;
const GIVE_UP_MS = 8000;
const stale = document.getElementById("stale");
let answeredAt = document.getElementById("at").textContent;

function opened() {
  return new Set(Array.from(document.querySelectorAll("details[open]"), (each) => each.id));
}

async function refresh() {
  const response = await fetch(location.href, { signal: AbortSignal.timeout(GIVE_UP_MS), cache: "no-store" });
  if (!response.ok) throw new Error(String(response.status));
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const open = opened();
  const focused = document.activeElement && document.activeElement.closest("details");
  const page = document.adoptNode(fresh.getElementById("page"));
  for (const each of page.querySelectorAll("details")) each.open = open.has(each.id);
  document.getElementById("page").replaceWith(page);
  if (focused) document.getElementById(focused.id)?.querySelector("summary").focus({ preventScroll: true });
  answeredAt = document.getElementById("at").textContent;
}

async function keepFresh() {
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (document.hidden) continue;
    if (document.getSelection()?.type === "Range") continue; // somebody copies a value
    try {
      await refresh();
      stale.hidden = true;
    } catch {
      stale.textContent = document.body.dataset.stale.replace("{time}", answeredAt);
      stale.hidden = false;
    }
  }
}

keepFresh();
