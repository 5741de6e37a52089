"""Static pages that show what an agent saw and did, step by step."""

from webagent.report.page import benchmark_page, comparison_page, dataset_page, trace_page
from webagent.report.trace import Mark, Trace, TraceStep, marks_of, trace_episode

__all__ = [
    "Mark",
    "Trace",
    "TraceStep",
    "benchmark_page",
    "comparison_page",
    "dataset_page",
    "marks_of",
    "trace_episode",
    "trace_page",
]
