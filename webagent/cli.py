"""The command ``webagent``: finds the verb, reads its configuration, runs it.

A verb's code is imported only when the verb is given, and what needs torch only once its options are read, so that no
``--help`` waits for torch. Exit codes: 0 done; 1 done, and the answer is no (``run`` did not finish its task,
``doctor`` found something missing); 2 bad input, said in one line on stderr; 70 anything that nobody foresaw, with its
traceback (sysexits' EX_SOFTWARE); 130 interrupted. ``run`` has more.
"""

from __future__ import annotations

import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from typing import NamedTuple

from data_gen.provenance import LAYERS
from webagent import __version__


class Verb(NamedTuple):
    """Where a verb's configuration, a dataclass, and the function that takes it live: ``module:name``."""

    config: str
    function: str
    summary: str


VERBS = {
    "tasks": Verb("webagent.listing:TasksConfig", "webagent.listing:list_tasks", "list the MiniWoB++ tasks and suites"),
    "collect": Verb(
        "data_gen.collect:CollectConfig", "webagent.collection:collect_with",
        "collect trajectories of experts or policies",
    ),
    "import-demos": Verb(
        "data_gen.human:ImportDemosConfig", "data_gen.human:import_demos",
        "turn human demonstrations of MiniWoB++ into a dataset",
    ),
    "synthesize": Verb(
        "data_gen.synthetic:SynthesizeConfig", "data_gen.synthetic:synthesize",
        "make up pages and episodes without a browser",
    ),
    "data": Verb(
        "webagent.data:DataConfig", "webagent.data:data", "count what a dataset holds, or show it as pictures"
    ),
    "train": Verb("policies.options:TrainConfig", "webagent.training:train_with", "train a policy on a dataset"),
    "average": Verb(
        "policies.options:AverageConfig", "policies.average:average", "average the weights of checkpoints"
    ),
    "export": Verb(
        "policies.options:ExportConfig", "policies.export:export", "write a policy as ONNX files, which decide faster"
    ),
    "bootstrap": Verb(
        "webagent.bootstrap:BootstrapConfig", "webagent.bootstrap:bootstrap", "train from a policy's own successes"
    ),
    "bench": Verb(
        "webagent.config:BenchConfig", "webagent.benchmark:bench", "measure a policy on MiniWoB++, with a report"
    ),
    "compare": Verb(
        "webagent.compare:CompareConfig", "webagent.compare:compare", "compare two runs of bench episode by episode"
    ),
    "run": Verb("webagent.run:RunConfig", "webagent.run:run", "do one task on a web page or a MiniWoB++ page"),
    "record": Verb(
        "webagent.record:RecordConfig", "webagent.record:record", "record what you do on a web page as a demonstration"
    ),
    "teach": Verb(
        "webagent.teach:TeachConfig", "webagent.teach:teach", "teach a policy a site from a few recorded demonstrations"
    ),
    "doctor": Verb(
        "webagent.doctor:DoctorConfig", "webagent.doctor:doctor", "check this installation and say what is missing"
    ),
}  # fmt: skip

INTERNAL_ERROR = 70

EXAMPLES = (
    "webagent doctor",
    'webagent run --url https://example.org --task "Open the link about more information"',
    "webagent bench --tasks click-button login-user --report report",
    "webagent collect --help",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words after ``webagent``; those of this process where None.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        print("\nwebagent: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe, such as head, has seen enough. Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not _is_message(error):
            traceback.print_exc()
            return INTERNAL_ERROR
        print(f"webagent: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def help_text() -> str:
    """What ``webagent --help`` prints."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:{width}}  {verb.summary}" for name, verb in VERBS.items())
    examples = "\n".join(f"  {example}" for example in EXAMPLES)
    return (
        "usage: webagent VERB [OPTIONS]\n\n"
        "An agent that reads a web page as HTML and as screenshots, and acts on it.\n\n"
        f"verbs:\n{verbs}\n\nexamples:\n{examples}\n\n"
        "`webagent VERB --help` explains a verb's options. `webagent --version` prints the version.\n"
    )


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        # No verb is a mistake, asking for help is none.
        print(help_text(), end="", file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    if words[0] == "--version":
        print(f"webagent {__version__}")
        return 0
    if words[0] not in VERBS:
        print(f"webagent: unknown verb {words[0]!r}; expected one of: {', '.join(VERBS)}", file=sys.stderr)
        return 2
    import tyro

    verb = VERBS[words[0]]
    config = tyro.cli(pkgutil.resolve_name(verb.config), prog=f"webagent {words[0]}", args=words[1:])
    outcome = pkgutil.resolve_name(verb.function)(config)
    if isinstance(outcome, int):
        return outcome
    return int(bool(getattr(outcome, "invalid", "")))


def _is_message(error: Exception) -> bool:
    """Whether an error is one of our own, made for the user to read. Any other is a bug and keeps its traceback."""
    return type(error).__module__.split(".")[0] in LAYERS
