
"use strict";
// Fetches parts of a page that links and forms name, and those that have changed. Without it, the same links and forms lead to
// whole pages.
(() => {
  const LEAST_WAIT = { report: 5000 };
  const WAIT = 1000;
  const SHARE = 20;
  const parts = ["rows", "state", "report", "trials", "charts"];
  const byId = (id) => document.getElementById(id);
  const standing = new Map();

  // The children of a report as they were sent: only those that have changed are replaced.
  const sent = (text) => {
    const template = document.createElement("template");
    template.innerHTML = text;
    return [...template.content.children];
  };
  let report = byId("report") ? [...byId("report").children].map((child) => child.outerHTML) : [];

  const putReport = (target, text) => {
    const fresh = sent(text);
    const texts = fresh.map((child) => child.outerHTML);
    const name = (details) => details.querySelector("summary").textContent.replace(/[\d,.]+/g, "");
    const replace = (old, child) => {
      const open = new Set([...old.querySelectorAll("details[open]")].map(name));
      for (const details of child.querySelectorAll("details")) details.open = open.has(name(details));
      old.replaceWith(child);
    };
    if (fresh.length === target.children.length) {
      const old = [...target.children];
      fresh.forEach((child, place) => {
        if (texts[place] !== report[place]) replace(old[place], child);
      });
    } else {
      target.replaceChildren(...fresh);
    }
    report = texts;
    addButtons(target);
  };

  const putRows = (target, text) => {
    const chosen = new Set([...target.querySelectorAll("input:checked")].map((input) => input.value));
    const focusable = () => [...target.querySelectorAll("a, input, button")];
    const focused = focusable().indexOf(document.activeElement);
    const scrolled = target.querySelector(".wide")?.scrollLeft ?? 0;
    target.innerHTML = text;
    for (const input of target.querySelectorAll("input")) input.checked = chosen.has(input.value);
    if (focused >= 0) focusable()[focused]?.focus({ preventScroll: true });
    const wide = target.querySelector(".wide");
    if (wide) wide.scrollLeft = scrolled;
    addButtons(target);
  };

  // Fetches a part and puts it in place, unless another one of it was asked for since.
  const put = async (id, address) => {
    const target = byId(id);
    if (!target) return;
    const wanted = new URL(address, location.href);
    wanted.searchParams.set("part", id);
    wanted.hash = "";
    target.dataset.address = wanted.href;
    try {
      const answer = await fetch(wanted);
      const text = await answer.text();
      if (!answer.ok || target.dataset.address !== wanted.href) return;
      (id === "report" ? putReport : putRows)(target, text);
    } catch {
      // The program has ended or the page is left: what is shown stays.
    }
  };

  // Fetches a part again, not too often for what it takes.
  const refresh = (id) => {
    const target = byId(id);
    if (!target) return;
    const state = standing.get(id) ?? { next: 0, timer: 0 };
    standing.set(id, state);
    if (state.timer) return;
    state.timer = setTimeout(async () => {
      const begun = performance.now();
      await put(id, target.dataset.address ?? location.href);
      const took = performance.now() - begun;
      state.next = performance.now() + Math.max(LEAST_WAIT[id] ?? WAIT, SHARE * took);
      state.timer = 0;
    }, Math.max(0, state.next - performance.now()));
  };

  // Shows a trial over the page.
  const show = async (address) => {
    const dialog = byId("detail");
    const wanted = new URL(address, location.href);
    wanted.searchParams.set("part", "detail");
    const answer = await fetch(wanted);
    if (!answer.ok) return;
    dialog.innerHTML = `<form method="dialog"><button>Close</button></form>${await answer.text()}`;
    addButtons(dialog);
    dialog.showModal();
    dialog.scrollTop = 0;
  };

  document.addEventListener("click", (event) => {
    if (event.target.id === "detail") event.target.close();
    const link = event.target.closest("a[data-part], a[data-detail]");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if ("detail" in link.dataset) {
      if (!byId("detail")) return;
      event.preventDefault();
      show(link.href);
      return;
    }
    event.preventDefault();
    history.replaceState(null, "", link.href);
    // The form goes on with the order that was chosen.
    const chosen = new URL(link.href).searchParams;
    for (const name of ["sort", "reverse"]) {
      const input = document.querySelector(`form[data-part="${link.dataset.part}"] input[name="${name}"]`);
      if (input) input.value = chosen.get(name) ?? (name === "reverse" ? "false" : input.value);
    }
    put(link.dataset.part, link.href);
  });

  const filter = (form) => {
    const wanted = new URL(form.getAttribute("action"), location.href);
    for (const [name, value] of new FormData(form)) {
      if (value !== "") wanted.searchParams.set(name, value);
    }
    history.replaceState(null, "", wanted.href);
    put(form.dataset.part, wanted.href);
  };
  let typing = 0;
  for (const form of document.querySelectorAll("form[data-part]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      filter(form);
    });
    form.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => filter(form), 200);
    });
  }

  // Pictures can be saved: as they are, and as pixels.
  const save = (content, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const addButtons = (within) => {
    for (const svg of within.querySelectorAll("figure svg")) {
      const figure = svg.closest("figure");
      if (figure.querySelector(".save")) continue;
      const title = svg.querySelector("title")?.textContent ?? "picture";
      const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "picture";
      const text = () => new XMLSerializer().serializeToString(svg);
      const button = (label, act) => {
        const made = document.createElement("button");
        made.type = "button";
        made.textContent = label;
        made.title = `Save as ${label}: ${title}`;
        made.addEventListener("click", act);
        return made;
      };
      const line = document.createElement("p");
      line.className = "save";
      line.append(
        button("SVG", () => save(new Blob([text()], { type: "image/svg+xml" }), `${name}.svg`)),
        button("PNG", () => {
          const image = new Image();
          image.addEventListener("load", () => {
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [2 * svg.viewBox.baseVal.width, 2 * svg.viewBox.baseVal.height];
            canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
            canvas.toBlob((pixels) => save(pixels, `${name}.png`));
          });
          image.src = `data:image/svg+xml,${encodeURIComponent(text())}`;
        }),
      );
      figure.append(line);
    }
  };
  addButtons(document);

  // What changes is said by the program. A page that nobody sees does not ask.
  const live = document.querySelector("[data-live]");
  const shown = document.querySelector(".live");
  if (!live) return;
  let events = null;
  const listen = () => {
    const address = live.dataset.live === "all" ? "/events" : `/events?run=${encodeURIComponent(live.dataset.live)}`;
    events = new EventSource(address);
    const changed = () => parts.forEach(refresh);
    events.addEventListener("run", changed);
    events.addEventListener("gone", changed);
    events.addEventListener("open", () => {
      if (shown) [shown.hidden, shown.textContent, shown.className] = [false, "live", "live"];
    });
    events.addEventListener("error", () => {
      if (shown) [shown.hidden, shown.textContent, shown.className] = [false, "not connected", "live lost"];
    });
  };
  const watch = () => {
    events?.close();
    events = null;
    if (!document.hidden) listen();
  };
  document.addEventListener("visibilitychange", watch);
  watch();
})();
