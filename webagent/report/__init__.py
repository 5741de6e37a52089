"""Static pages that show what an agent saw and did, step by step."""

from webagent.report.page import benchmark_page, trace_page
from webagent.report.trace import Mark, Trace, TraceStep, trace_episode

__all__ = ["Mark", "Trace", "TraceStep", "benchmark_page", "trace_episode", "trace_page"]
