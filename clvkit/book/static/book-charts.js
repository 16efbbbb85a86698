/* Draws the charts of a page, in the colours of the page, and again when the colours change. */
(() => {
  const DARK = __DARK__;
  const page = document.documentElement;
  const colours = new RegExp(Object.keys(DARK).join("|"), "gi");
  const isDark = () => page.dataset.theme === "dark";

  function specification(chart) {
    const text = chart.querySelector("script").textContent;
    return JSON.parse(isDark() ? text.replace(colours, (hex) => DARK[hex.toLowerCase()]) : text);
  }

  /* Where the reader has moved a slider it stays when the chart is drawn again. */
  function settings(chart, spec) {
    const moved = {};
    for (const param of chart.view ? spec.params || [] : []) {
      if (param.bind) moved[param.name] = chart.view.signal(param.name);
    }
    return moved;
  }

  async function draw(chart) {
    const spec = specification(chart);
    const moved = settings(chart, spec);
    let host = chart.querySelector(".vega-host");
    if (!host) {
      host = document.createElement("div");
      host.className = "vega-host";
      chart.append(host);
    }
    try {
      if (chart.view) chart.view.finalize();
      const { view } = await vegaEmbed(host, spec, {
        renderer: "svg",
        actions: false,
        tooltip: { theme: isDark() ? "dark" : "light" },
      });
      for (const [name, value] of Object.entries(moved)) view.signal(name, value);
      await view.runAsync();
      const svg = host.querySelector("svg.marks");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", spec.description || "");
      chart.view = view;
      chart.classList.add("drawn");
    } catch (error) {
      console.error("chart not drawn:", error);
    }
  }

  /* One drawing after another: a second one would find the first half done. */
  let queue = Promise.resolve();
  const drawAll = () => {
    queue = queue.then(() => Promise.all([...document.querySelectorAll(".vega-chart")].map(draw)));
  };
  const start = () => {
    drawAll();
    /* A chart in a closed box has no width to fit into until the box is opened. */
    document.addEventListener("toggle", () => window.dispatchEvent(new Event("resize")), true);
    new MutationObserver(drawAll).observe(page, { attributeFilter: ["data-theme"] });
  };
  /* Labels are measured: with the book's font still on its way they would be cut off. */
  document.fonts.load("12px Inter").then(start, start);
})();
