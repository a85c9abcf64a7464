"use strict";
// Shows the title of what is pointed at in a drawing beside the pointer, at once. Charts with strips (class readout) can also be
// read by keys. Titles are in the drawings as they are, so a browser shows them without this, too.
(() => {
  const box = document.createElement("div");
  box.className = "reading";
  box.setAttribute("role", "status");
  box.hidden = true;
  let at = null;
  let title = null;
  // Where in the shape it is shown: it stays there if the page is scrolled.
  let [across, down] = [0, 0];

  const titled = (target) => {
    const shape = target instanceof Element ? target.closest("figure svg *") : null;
    const own = shape?.querySelector(":scope > title");
    return own ? shape : null;
  };

  // A title that is shown here is not shown by the browser as well.
  const leave = () => {
    at?.classList.remove("at");
    if (at && title) at.append(title);
    at = title = null;
    box.hidden = true;
  };

  const show = (shape, x, y) => {
    if (shape !== at) {
      leave();
      at = shape;
      title = shape.querySelector(":scope > title");
      box.textContent = title.textContent;
      title.remove();
      shape.classList.add("at");
    }
    (shape.closest("dialog") ?? document.querySelector("main")).append(box);
    box.hidden = false;
    const { left, top } = shape.getBoundingClientRect();
    [across, down] = [x - left, y - top];
    place(x, y);
  };

  const place = (x, y) => {
    const { width, height } = box.getBoundingClientRect();
    const room = document.documentElement.clientWidth - width - 4;
    const right = x + 14;
    box.style.left = `${Math.max(4, right > room ? Math.min(x - width - 14, room) : right)}px`;
    box.style.top = `${Math.max(4, y - height - 10 < 4 ? y + 18 : y - height - 10)}px`;
  };

  const scrolled = () => {
    if (!at) return;
    const { left, top, bottom } = at.getBoundingClientRect();
    if (bottom < 0 || top > document.documentElement.clientHeight) leave();
    else place(left + across, top + down);
  };

  const point = (event) => {
    const shape = titled(event.target);
    if (shape && shape.localName !== "svg") show(shape, event.clientX, event.clientY);
    else if (at && !at.contains(event.target)) leave();
  };
  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point);
  document.addEventListener("pointerleave", leave);
  document.addEventListener("scroll", scrolled, true);
  document.addEventListener("focusout", leave);

  const moves = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: 0, End: 0 };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && at) {
      leave();
      return;
    }
    const svg = event.target instanceof Element ? event.target.closest("svg[tabindex]") : null;
    const by = moves[event.key];
    if (!svg || by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const strips = [...svg.querySelectorAll(".readout > rect")];
    const from = strips.indexOf(at);
    const last = strips.length - 1;
    const next = from < 0 ? (by > 0 ? 0 : last) : Math.max(0, Math.min(last, from + by));
    const strip = strips[{ Home: 0, End: last }[event.key] ?? next];
    strip.scrollIntoView({ block: "nearest", inline: "nearest" });
    const { left, width, top, height } = strip.getBoundingClientRect();
    show(strip, left + width / 2, top + height / 3);
  });

  // What can be read or scrolled by keys can be reached by them, also where it comes into the page later. What has room is no stop.
  const reach = () => {
    for (const readout of document.querySelectorAll("figure svg:not([tabindex]) > .readout")) {
      readout.parentNode.setAttribute("tabindex", "0");
    }
    for (const wide of document.querySelectorAll(".wide, pre")) {
      if (wide.scrollWidth > wide.clientWidth && !wide.querySelector("a, button, input, [tabindex]")) {
        wide.tabIndex = 0;
        wide.setAttribute("role", "group");
        wide.setAttribute("aria-label", "wider than the page: scrolls sideways");
      } else if (wide.tabIndex === 0 && wide.getAttribute("role") === "group") {
        for (const name of ["tabindex", "role", "aria-label"]) wide.removeAttribute(name);
      }
    }
  };
  reach();
  new MutationObserver(reach).observe(document.body, { childList: true, subtree: true });
  window.addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);
})();
