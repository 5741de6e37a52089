"""``webagent doctor``: checks an installation by using it, and says what to install."""

from __future__ import annotations

import platform
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from webagent import __version__
from webagent.output import console

PYTHON = (3, 11)
PAGE = '<p id="text" style="font: 13px sans-serif">The quick brown fox</p><div style="background: #c00; height: 50px">'


@dataclass(frozen=True)
class DoctorConfig:
    """Check this installation: packages, browser, fonts, the embedded checkpoint, the processor.

    Every check uses the thing itself: the browser is launched and takes a picture, the checkpoint is loaded.
    The exit code is 0 if all is well, and 1 if something is missing; what to do stands beside it.
    """


@dataclass(frozen=True)
class Finding:
    """What one check found. ``advice`` says what to do; where it is empty, all is well."""

    what: str
    found: str
    advice: str = ""


def doctor(config: DoctorConfig) -> int:
    """Prints the findings.

    Returns:
        1 if something is missing, else 0.
    """
    out = console()
    checks = (_python, _packages, _browser, _tasks, _checkpoint, _processor)
    ill = 0
    for check in checks:
        for finding in _examine(check):
            ill += bool(finding.advice)
            sign = "[red]missing[/]" if finding.advice else "[green]ok[/]     "
            out.print(f"{sign} [bold]{finding.what}[/]: ", end="")
            out.print(finding.found, markup=False, soft_wrap=True)
            if finding.advice:
                out.print(f"        -> {finding.advice}", markup=False, soft_wrap=True)
    out.print("all is well" if not ill else f"{ill} of these need attention")
    return int(ill > 0)


def _examine(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    # Whatever a check stumbles over is a finding; the checks after it still run.
    try:
        yield from check()
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        yield Finding(check.__name__.strip("_"), "failed", f"{type(error).__name__}: {lines[0]}")


def _python() -> Iterator[Finding]:
    wanted = ".".join(map(str, PYTHON))
    advice = "" if sys.version_info >= PYTHON else f"install Python {wanted} or newer"
    yield Finding("python", f"{platform.python_version()} at {sys.executable}, webagent {__version__}", advice)


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    found, wrong = [], []
    for requirement in map(Requirement, _requirements()):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(str(requirement))
            continue
        found.append(f"{requirement.name} {version}")
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(str(requirement))
    advice = f"pip install {' '.join(repr(name) for name in wrong)}" if wrong else ""
    yield Finding("packages", ", ".join(found) or "none", advice)


def _requirements() -> list[str]:
    """As installed; in a checkout that is not installed, as its pyproject.toml says."""
    try:
        return metadata.requires("webagent") or []
    except metadata.PackageNotFoundError:
        with open(Path(__file__).parent.parent / "pyproject.toml", "rb") as file:
            return tomllib.load(file)["project"]["dependencies"]


def _browser() -> Iterator[Finding]:
    from envs import browser

    try:
        launched = browser.shared()
    except browser.BrowserError as error:
        yield Finding("browser", "none that starts", str(error))
        return
    sandbox = "sandbox on" if launched.sandbox else "sandbox off (root cannot use it, or WEBAGENT_SANDBOX=0)"
    yield Finding("browser", f"{launched.version}, {launched.executable}, {sandbox}")
    page = launched.new_page(width=160, height=210, scripts=())
    try:
        page.set_content(PAGE)
        with launched.deadline():
            fonts = _fonts(page)
            picture = page.screenshot()
    finally:
        page.context.close()
    yield Finding("screenshot", f"160 x 210, {len(picture)} bytes")
    advice = "" if fonts else "install fonts, on Debian and Ubuntu: apt-get install fonts-liberation fonts-dejavu-core"
    yield Finding("fonts", f"sans-serif is {' and '.join(fonts)}" if fonts else "text has no glyphs", advice)


def _fonts(page) -> list[str]:
    """Names of the fonts that the page's text is really drawn with."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": "#text"})["nodeId"]
    fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    return [font["familyName"] for font in fonts if font["glyphCount"]]


def _tasks() -> Iterator[Finding]:
    import gymnasium

    env = gymnasium.make("envs:webagent/click-button-v1")
    try:
        observation, info = env.reset(seed=0)
    finally:
        env.close()
    fault = info.get("fault", "")
    yield Finding("MiniWoB++", fault or f"click-button says: {observation['instruction']}", fault and "see the browser")


def _checkpoint() -> Iterator[Finding]:
    from policies import checkpoint

    try:
        model, _, _ = checkpoint.load()
    except checkpoint.CheckpointError as error:
        yield Finding("embedded checkpoint", "cannot be used", f"install webagent again: {error}")
        return
    parameters = sum(parameter.numel() for parameter in model.parameters())
    yield Finding("embedded checkpoint", f"{parameters / 1e6:.1f} M parameters, sha256 {checkpoint.sha256()}")


def _processor() -> Iterator[Finding]:
    import torch

    flags = Path("/proc/cpuinfo")
    bfloat16 = re.findall(r"\b(?:avx512_bf16|amx_bf16|bf16)\b", flags.read_text() if flags.exists() else "")
    how = f"with bfloat16 ({', '.join(sorted(set(bfloat16)))})" if bfloat16 else "without bfloat16: training is slower"
    yield Finding("processor", f"{torch.get_num_threads()} threads for torch, {how}")
    if torch.cuda.is_available():
        name, count = torch.cuda.get_device_name(), torch.cuda.device_count()
        yield Finding("accelerator", f"{count} x {name}, CUDA {torch.version.cuda}")
    else:
        yield Finding("accelerator", "Apple's MPS" if torch.backends.mps.is_available() else "none; none is needed")
