"""The product: command line, runs on the open web, the benchmark and its reports."""

__version__ = "0.1.0"
