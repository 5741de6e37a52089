"""``webagent export``: a checkpoint as ONNX files, which onnxruntime decides with in less time than torch takes.

A small network's decision is some thousand operations, and torch needs longer to start most of them than to carry them
out. With 8-bit integers (``--int8``) the products take less, too; what is exact by intent stays in float32: measured
quantities, pointers, offsets, the vocabulary's scores.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rich
import torch
from rich.progress import track

from policies import checkpoint, start_pages
from policies.graphs import free, graphs, sample
from policies.onnx_network import LAYOUT, VERSION, OnnxNetwork
from policies.options import ExportConfig

OPSET = 23
"""The first in which attention and its norm are one operation each."""

EXACT = ("measures", "point_query", "pointed_in", "offset_head", "lm_head", "alike")
"""Parts of the network whose products stay in float32."""

TOLERANCE = 1e-3
"""By how much an exported network's numbers may differ from torch's, before it is cut to 8 bits."""


class ExportError(ValueError):
    """An export that cannot be made. The message says why and what to do."""


def export(config: ExportConfig) -> Path:
    """Writes the files, and compares them with the network that they were made of.

    Returns:
        The folder.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or the folder holds something else.
        ExportError: if a package is missing, or onnxruntime does not compute what torch does.
    """
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ExportError(f"the package {error.name} is missing: pip install onnx onnxruntime onnxscript") from error
    source = checkpoint.locate(None if config.policy == "embedded" else config.policy)
    if config.out.resolve() == source.resolve():
        raise ExportError(f"{config.out} is what is exported: choose another --out")
    model, processor, card = checkpoint.load(source)
    parts, values = graphs(model), sample(model)
    with checkpoint.atomic_folder(config.out) as unfinished:
        for name, graph in track(parts.items(), "exporting", transient=True):
            _write(graph, values, unfinished / f"{name}.onnx")
        other = sample(model, rows=1, length=9, image=0, steps=0)  # sizes that it was not written with
        _check(parts, other, OnnxNetwork(unfinished, model.config))
        if config.int8:
            for name in track([*parts], "cutting to 8 bits", transient=True):
                _quantize(unfinished / f"{name}.onnx")
        written = {"format": checkpoint.FORMAT, "model": model.config.to_dict(), checkpoint.PARTS: [*parts],
                   LAYOUT: VERSION}  # fmt: skip
        checkpoint.write_json(unfinished / checkpoint.CONFIG, written)
        processor.save(unfinished)
        how = "ONNX, most weights as 8-bit integers," if config.int8 else "ONNX"
        card += f"\n## Export\n\nExported to {how} from the checkpoint {checkpoint.sha256(source)[:16]}.\n"
        checkpoint.write_card(unfinished, card)
        if (pages := start_pages.read(source)) is not None:
            start_pages.write(unfinished, pages)
    rich.print(f"{source.name} is exported to {config.out}")
    return config.out


def _write(graph: Any, values: dict[str, torch.Tensor], file: Path) -> None:
    shapes = [dict.fromkeys(free(name), torch.export.Dim.DYNAMIC) for name in graph.inputs]
    inputs = tuple(values[name] for name in graph.inputs)
    with _quiet(), torch.no_grad():
        torch.onnx.export(
            graph.eval(), inputs, file, dynamic_shapes=_as_arguments(graph, shapes), dynamo=True,
            input_names=[*graph.inputs], output_names=[*graph.outputs], opset_version=OPSET, external_data=False,
        )  # fmt: skip


def _as_arguments(graph: Any, values: list[Any]) -> tuple[Any, ...]:
    """Values in the form of the arguments of ``forward``, the last of which may be one for many."""
    named = inspect.signature(graph.forward).parameters.values()
    count = sum(parameter.kind is not parameter.VAR_POSITIONAL for parameter in named)
    return (*values[:count], tuple(values[count:])) if count < len(values) else tuple(values)


def _check(parts: dict[str, Any], values: dict[str, torch.Tensor], network: OnnxNetwork) -> None:
    for name, graph in parts.items():
        with torch.no_grad():
            wanted = graph(*(values[part] for part in graph.inputs))
        found = network.run(name, {part: value.numpy() for part, value in values.items()})
        for one, other in zip(wanted if isinstance(wanted, tuple) else (wanted,), found.values(), strict=True):
            if not np.allclose(one.numpy(), other, TOLERANCE, TOLERANCE):
                away = float(np.abs(one.numpy() - other).max())
                raise ExportError(f"onnxruntime's {name} differs from torch's by {away:.2g}; nothing was written")


def _quantize(file: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    def exact(node: Any) -> bool:
        scopes = " ".join(prop.value for prop in node.metadata_props if prop.key.endswith("name_scopes"))
        return any(part in scopes for part in EXACT)

    kept = [node.name for node in onnx.load(file).graph.node if exact(node)]
    kept += [f"{name}_MatMul" for name in kept]  # as those are called that onnxruntime makes of a Gemm
    with _quiet():
        quantize_dynamic(
            file, file, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"],
            nodes_to_exclude=kept, extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the libraries say of their own steps."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
