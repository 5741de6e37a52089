"""What ``webagent bench`` is told: one dataclass, read from the command line and written beside every result."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib

from envs.tasks import PAGE_SEEDS
from envs.workers import Backend
from policies.images import ImageMode
from webagent import protocols
from webagent.agents import Agent
from webagent.output import STDOUT, UsageError, check_folder_writable, check_writable


@dataclass(frozen=True)
class BenchConfig:
    """Measure a policy on MiniWoB++ and print its success by task.

    Success is strict: the reward reached 1. BrowserGym's rule, raw reward > 0, stands beside it.
    The results do not depend on the number of workers. With --out every episode is stored as it ends, and the same
    command goes on where a killed one stopped.

    examples:
      webagent bench
      webagent bench --tasks click-button login-user --policy oracle --episodes 20
      webagent bench --suite webgum56 --out runs/webgum56
      webagent bench --suite webgum56 --policy runs/mine --seeds-from-checkpoint --out runs/fresh
      webagent bench --suite browsergym125 --policy openai:MODEL --base-url http://localhost:8000/v1
    """

    suite: str = "thin16"
    """The protocol: webgum56, browsergym125, pix2act59, split62-63, thin16 or all."""
    tasks: tuple[str, ...] = ()
    """These tasks in place of the protocol's; `webagent tasks` lists them."""
    policy: str = "embedded"
    """embedded (the checkpoint that comes with the package), a checkpoint folder, oracle, random, openai:MODEL, or your
    own: module:name of what makes an object with reset() and act(observation), as `envs.loop.Policy`."""
    base_url: str = ""
    """Address of the OpenAI-compatible endpoint of openai:MODEL. Its key is read from OPENAI_API_KEY alone."""
    max_tokens: int = 200
    """Tokens of openai:MODEL's answers at most; a model that thinks aloud first needs thousands."""
    image: ImageMode = "real"
    """real shows the policy the screenshots, none leaves them out, white and random put blank pages or noise there."""
    beams: int = 1
    """Width of a learnt policy's beam search; 1 is greedy."""
    episodes: int | None = None
    """Episodes per task; the protocol's where not given."""
    first_seed: int | None = None
    """Page seed of the first episode; the others count up. The protocol's where not given."""
    seeds_from_checkpoint: bool = False
    """Page seeds that follow from the checkpoint's hash: a block of 6000000 to 9999999 that nobody can have chosen."""
    workers: int = field(default_factory=lambda: 2 * joblib.cpu_count())
    """Processes, each with a browser of its own; one waits for its browser about half of the time, so that two a core
    are best. -1 is one for each core."""
    backend: Backend = "local"
    """Where they run: on this machine, or on the Ray cluster of RAY_ADDRESS (a local one is begun if there is none)."""
    out: Path | None = None
    """Folder of the run: every episode as it ends, results.json, episodes.parquet, and the page index.html."""
    overwrite: bool = False
    """Delete the run that is in the folder."""
    json: Path | None = None
    """Write all results, episode by episode, to this file. - is stdout, and then everything else goes to stderr."""
    report: Path | None = None
    """Write one static page, index.html, into this folder."""
    pictures: int = 1
    """Episodes per task of which the page shows every step."""
    failures: bool = False
    """Show every failed episode too."""
    second_judge: Path | None = None
    """The Python of an environment with BrowserGym: its own task pages replay the actions and judge them again."""

    @classmethod
    def read(cls, fields: dict[str, Any]) -> BenchConfig:
        """A configuration from what ``what_decides`` gave, as JSON values."""
        fields = {**fields, "tasks": tuple(fields.get("tasks", ()))}
        return cls(**fields)

    @property
    def agent(self) -> Agent:
        return Agent(self.policy, self.image, self.beams, self.base_url, self.max_tokens)

    def protocol(self, checkpoint_sha256: str) -> protocols.Protocol:
        """The protocol, with this configuration's own seeds where it names any.

        Args:
            checkpoint_sha256: the policy's; read only where the page seeds follow from it.

        Raises:
            ProtocolError: if there is no such protocol.
        """
        protocol = published = protocols.get(self.suite)
        if self.tasks:
            protocol = dataclasses.replace(protocol, name=f"own tasks ({protocol.name})", source="")
        if self.episodes is not None:
            protocol = dataclasses.replace(protocol, episodes=self.episodes)
        if self.first_seed is not None:
            protocol = dataclasses.replace(protocol, first_seed=self.first_seed)
        if (protocol.episodes, protocol.first_seed) != (published.episodes, published.first_seed):
            protocol = dataclasses.replace(protocol, note=f"{protocol.note} The page seeds are not all the protocol's.")
        if self.seeds_from_checkpoint:
            block = protocols.seeds_of_checkpoint(checkpoint_sha256, protocol.episodes)
            protocol = dataclasses.replace(
                protocol,
                first_seed=block.start,
                note=f"{protocol.note} The page seeds follow from the checkpoint's hash.",
            )
        return dataclasses.replace(protocol, note=protocol.note.strip())

    @property
    def pictured(self) -> bool:
        """Whether there is a page to show pictures on."""
        return self.out is not None or self.report is not None

    def check(self) -> None:
        """Finds what is wrong with the numbers and files before the first browser starts.

        Raises:
            UsageError: if something is.
        """
        for name in ("episodes", "beams", "max_tokens"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UsageError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
        for name in ("pictures", "first_seed"):
            if (value := getattr(self, name)) is not None and value < 0:
                raise UsageError(f"--{name.replace('_', '-')} must not be negative, got {value}")
        episodes = self.episodes or protocols.get(self.suite).episodes
        if self.first_seed is not None and self.first_seed + episodes > len(PAGE_SEEDS):
            raise UsageError(f"--first-seed: page seeds are below {len(PAGE_SEEDS):,}, got {self.first_seed:,} on")
        if self.workers == 0 or self.workers < -1:
            raise UsageError(f"--workers is a number of processes, or -1 for one on each core, got {self.workers}")
        if self.seeds_from_checkpoint and (self.first_seed is not None or not self.agent.learnt):
            raise UsageError("--seeds-from-checkpoint is for a checkpoint, and takes the place of --first-seed")
        if self.overwrite and self.out is None:
            raise UsageError("--overwrite is for the folder of a run: give --out too")
        if self.json not in (None, STDOUT):
            check_writable(self.json)
        if self.out is not None:
            check_folder_writable(self.out)
        if self.report is not None:
            check_folder_writable(self.report)
            check_writable(self.report / "index.html")
        self.agent.check()

    def what_decides(self) -> dict[str, Any]:
        """The part of the configuration that decides the results, by the names of the fields; defaults left out."""
        agent = self.agent
        names = ["suite", "tasks", "policy", "episodes", "first_seed", "seeds_from_checkpoint"]
        names += ["image"] if agent.sees_pages else []
        names += ["beams"] if agent.learnt else []
        names += ["base_url"] if agent.chat else []
        names += ["max_tokens"] if agent.chat and self.max_tokens != BenchConfig.max_tokens else []
        values = {name: getattr(self, name) for name in names}
        always = ("suite", "policy", "image", "beams")
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if name in always or value not in ((), None, False, "")
        }

    @property
    def command(self) -> str:
        """The command line that repeats it."""
        words = ["webagent", "bench"]
        for name, value in self.what_decides().items():
            values = [] if value is True else value if isinstance(value, list) else [value]
            words += ["--" + name.replace("_", "-"), *map(str, values)]
        return shlex.join(words)
