"""Sphinx extension of the book: charts, tables and mathematics that need nothing from the network.

Charts arrive as Vega-Lite specifications and leave as a ``<div class="vega-chart">`` with the
specification, a picture for readers without scripts, and (on pages with charts only) one bundle
of Vega and a small loader.
"""

import importlib.metadata
import json
import os
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from clvkit.book.markup import mend_page, mend_table
from clvkit.palette import DARK, VEGA_LITE_MIME

_STATIC = Path(__file__).with_name("static")
_EXPORTS = "window.vegaEmbed=vegaEmbed;"


class VegaChart(nodes.General, nodes.Element):  # type: ignore[misc]
    """A chart in a page: attributes ``spec`` (JSON text) and ``label`` (its description)."""


class ChartMime:
    """Tells MyST-NB how to show a Vega-Lite specification."""

    mime_priority_overrides: ClassVar = [
        (builder, VEGA_LITE_MIME, 1) for builder in ("html", "dirhtml", "singlehtml")
    ]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Return the chart's node, or ``None`` when the output is something else."""
        if data.mime_type != VEGA_LITE_MIME or inline:
            return None
        content = data.content
        spec = content if isinstance(content, dict) else json.loads(content)
        # "</" would end the script element that carries the specification.
        text = json.dumps(spec, separators=(",", ":"), sort_keys=True).replace("</", "<\\/")
        return [VegaChart("", spec=text, label=spec.get("description", ""))]


class Pictures(SphinxPostTransform):
    """Put the picture of a chart inside the chart's node.

    It runs before MyST-NB keeps one output of several and throws the others away.
    """

    default_priority = 3

    def run(self, **_: Any) -> None:
        """Move the picture of every chart of this page."""
        for bundle in list(self.document.findall(nodes.container)):
            if bundle.get("nb_element") != "mime_bundle":
                continue
            by_type = {child["mime_type"]: child for child in bundle.children}
            chart, picture = by_type.get(VEGA_LITE_MIME), by_type.get("image/png")
            if chart is None or picture is None or not (chart.children and picture.children):
                continue
            image = picture.children[0].deepcopy()
            image["alt"] = chart.children[0]["label"]
            image["classes"] = ["vega-picture"]
            chart.children[0].append(image)


class Tables(SphinxPostTransform):
    """Make pandas tables readable: numbers to the right, no empty headers."""

    default_priority = 900

    def run(self, **_: Any) -> None:
        """Mend every table of this page."""
        for raw in self.document.findall(nodes.raw):
            if "html" in raw.get("format", "") and "<table" in raw.astext():
                raw.children = [nodes.Text(mend_table(raw.astext()))]


def _visit_chart(translator: Any, node: VegaChart) -> None:
    translator.body.append(
        f'<div class="vega-chart"><script type="application/json">{node["spec"]}</script>'
    )


def _depart_chart(translator: Any, node: VegaChart) -> None:
    translator.body.append("</div>\n")


def _skip(translator: Any, node: VegaChart) -> None:
    raise nodes.SkipNode


def vega_bundle(folder: Path) -> Path:
    """Write Vega, Vega-Lite and Vega-Embed as one script into ``folder``, unless it is there."""
    import vl_convert

    version = importlib.metadata.version("vl-convert-python")
    path = folder / f"vega-{version}" / "vega-bundle.js"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        code = vl_convert.javascript_bundle(_EXPORTS, vl_version="6.4")
        part = path.with_suffix(f".{os.getpid()}.part")
        # The bundle's top-level names would collide with Sphinx's own script.
        part.write_text(f"(()=>{{{code}}})();\n", encoding="utf-8")
        part.replace(path)
    return path


def _add_scripts(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    folder = Path(os.environ.get("CLVKIT_CACHE") or Path(app.doctreedir) / "clvkit")
    loader = folder / "loader" / "book-charts.js"
    loader.parent.mkdir(parents=True, exist_ok=True)
    source = (_STATIC / "book-charts.js").read_text(encoding="utf-8")
    loader.write_text(source.replace("__DARK__", json.dumps(DARK)), encoding="utf-8")
    (loader.parent / "book.js").write_bytes((_STATIC / "book.js").read_bytes())
    bundle = vega_bundle(folder)
    app.config.html_static_path += [str(bundle.parent), str(loader.parent)]


def _add_to_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    if doctree is not None and any(True for _ in doctree.findall(VegaChart)):
        app.add_js_file("vega-bundle.js", loading_method="defer", priority=600)
        app.add_js_file("book-charts.js", loading_method="defer", priority=601)


def _mend_pages(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        mended = mend_page(text)
        if mended != text:
            page.write_text(mended, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_node(VegaChart, html=(_visit_chart, _depart_chart), latex=(_skip, None))
    app.add_post_transform(Pictures)
    app.add_post_transform(Tables)
    app.add_css_file("book.css")
    app.add_js_file("book.js", loading_method="defer")
    app.connect("builder-inited", _add_scripts)
    app.connect("html-page-context", _add_to_page)
    app.connect("build-finished", _mend_pages)
    # Neither says whether two processes may read the pages. They may: one numbers them after all
    # have been read, the other is for LaTeX.
    for name in ("sphinx_multitoc_numbering", "sphinx_jupyterbook_latex"):
        app.extensions[name].parallel_read_safe = True
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
