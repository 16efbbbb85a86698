/* What scrolls sideways in its own box can be reached and scrolled with the keyboard. */
(() => {
  const boxes = ".math, .cell_output > .output, .pst-scrollable-table-container, .vega-chart, pre";
  const mark = () => {
    for (const box of document.querySelectorAll(boxes)) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    }
  };
  window.addEventListener("load", () => {
    /* Mathematics is set after loading. */
    window.MathJax?.startup?.promise?.then(mark);
    mark();
  });
  window.addEventListener("resize", mark);
})();
