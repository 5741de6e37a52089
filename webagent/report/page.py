"""Renders traces and results into one html file that needs no server, no network and no file beside it."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup, escape

from envs.html import MARKUP, VOID_TAGS
from webagent.report.trace import Trace

if TYPE_CHECKING:
    from webagent.compare import Different
    from webagent.paired import Comparison
    from webagent.results import BenchResult


def benchmark_page(result: BenchResult, traces: Sequence[Trace], remarks: Sequence[str] = ()) -> str:
    """The page of a benchmark: the rates with their intervals, then the episodes with their pictures.

    Args:
        result: what ``webagent.benchmark.bench`` measured.
        traces: of those episodes that are to be shown.
        remarks: sentences to add to those about the figures.
    """
    from webagent.published import apart, beside
    from webagent.table import sentences

    template = _environment().get_template("benchmark.html.j2")
    facts = {"beside": beside(result), "apart": apart(result), "sentences": [*sentences(result), *remarks]}
    return template.render(result=result, traces=traces, **facts)


def comparison_page(
    names: tuple[str, str],
    runs: tuple[BenchResult, BenchResult],
    comparison: Comparison,
    sentence: str,
    warnings: Sequence[str],
    different: Sequence[Different],
) -> str:
    """The page of two runs: what their difference means, then the episodes that only one of them solved.

    Args:
        names: what to call the runs.
        runs: what was measured.
        comparison: the counts.
        sentence: what they mean.
        warnings: what else differs between the runs.
        different: the episodes, with the traces that are stored of them.
    """
    facts = {"names": names, "runs": runs, "comparison": comparison, "sentence": sentence, "warnings": warnings}
    return _environment().get_template("comparison.html.j2").render(different=different, **facts)


def dataset_page(name: str, traces: Sequence[Trace]) -> str:
    """The page of a dataset: some of its trajectories.

    Args:
        name: the dataset's.
        traces: what is shown of it.
    """
    return _environment().get_template("dataset.html.j2").render(name=name, traces=traces)


def trace_page(trace: Trace, title: str, facts: dict[str, str]) -> str:
    """The page of one episode.

    Args:
        trace: the episode.
        title: of the page.
        facts: names and values that are shown above the pictures.
    """
    return _environment().get_template("trace.html.j2").render(trace=trace, title=title, facts=facts)


def fold_html(html: str, refs: Sequence[int] = ()) -> Markup:
    """Breaks an observation's html into indented lines, changing nothing else, with the tags of ``refs`` marked."""
    lines: list[Markup] = []
    depth = 0
    for match in MARKUP.finditer(html):
        closing, tag, inside, _ = match.groups()
        shown = Markup(escape(match.group()))
        if tag is None or closing:
            if closing:
                depth -= 1
            lines[-1:] = [lines[-1] + shown] if lines else [shown]
            continue
        ref = re.search(r"\bref=(\d+)", inside)
        if ref and int(ref.group(1)) in refs:
            shown = Markup("<mark>{}</mark>").format(match.group())
        lines.append(Markup("  " * depth) + shown)
        if tag not in VOID_TAGS:
            depth += 1
    return Markup("\n").join(lines)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("webagent.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = lambda png: "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    environment.filters["percent"] = lambda rate: f"{100 * rate:.0f}"
    environment.filters["percent1"] = lambda rate: f"{100 * rate:.1f}"
    environment.filters["probability"] = lambda log: f"{math.exp(min(log, 0.0)):.2f}"
    environment.filters["fold_html"] = fold_html
    return environment
