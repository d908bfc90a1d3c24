"use strict";

// The first screen: buttons that copy the commands of the cards, and the noise beside the slider. Needs no other script.
(() => {
  const byId = (id) => document.getElementById(id);

  for (const line of document.querySelectorAll(".card .command")) {
    const command = line.textContent, button = document.createElement("button");
    button.type = "button";
    button.textContent = "copy";
    button.setAttribute("aria-label", `Copy ${command}`);
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(command); button.textContent = "copied"; } catch { getSelection().selectAllChildren(line.firstChild); }
    });
    line.append(button);
  }

  const noise = byId("noise"), tasks = JSON.parse(noise.dataset.tasks);

  function show() {
    const task = tasks[Number(byId("task").value) || 0], points = Number(byId("within-number").value) || 0;
    if (!task) return;
    const images = task.images ? `${points} points are ${Number((points * task.images / 100).toFixed(2))} of ${task.images.toLocaleString("en")} validation images. ` : "";
    byId("noise-text").textContent = `${images}Noise of a validation accuracy: ${task.noise}.`;
    byId("evidence").innerHTML = task.evidence[byId("chosen").dataset.experiment] ?? "";  // escaped when it was written
  }

  for (const id of ["within", "within-number", "task"]) byId(id).addEventListener("input", () => queueMicrotask(show));
  new MutationObserver(show).observe(byId("chosen"), { attributes: true, attributeFilter: ["data-experiment"] });
  show();
  if (location.hash === "#about") byId("about").open = true;
  window.addEventListener("hashchange", () => { if (location.hash === "#about") byId("about").open = true; });
})();
