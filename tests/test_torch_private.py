"""torch still has every private operator that the engine uses, and one module alone uses them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

ENGINE = Path(__file__).parents[1] / "engine"
HOME = ENGINE / "training" / "torch_private.py"

INSTEAD = {
    "torch._foreach_add_": "a loop of a.add_(b)",
    "torch._foreach_copy_": "a loop of a.copy_(b)",
    "torch._foreach_sub_": "a loop of a.sub_(b)",
    "torch._foreach_norm": "[torch.linalg.vector_norm(a) for a in tensors]",
    "torch._fused_adam_": "torch.optim.Adam over `flat.weights`, or its formula in tensor operations",
    "torch._fused_adamw_": "torch.optim.AdamW over `flat.weights`, or its formula in tensor operations",
    "torch.distributed.distributed_c10d._get_default_store": "torch.distributed.TCPStore(MASTER_ADDR, MASTER_PORT)",
    "torch._C._nn.flatten_dense_tensors": "torch.nn.utils.parameters_to_vector(tensors)",
    "torch.ops.aten._softmax_backward_data": "y * (dy - (dy * y).sum(-1, keepdim=True))",
}
"""What a documented torch offers for each operator."""


def private_names(path: Path) -> Iterator[str]:
    """Every `torch.a._b` of a module, however deep the private part of the name is."""
    attributes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    within = {id(node.value) for node in attributes}
    for name in (ast.unparse(node) for node in attributes if id(node) not in within):
        if re.match(r"torch(\.\w+)*\._(?!_)[\w.]+$", name):
            yield name


@pytest.mark.parametrize("name", INSTEAD)
def test_torch_still_has_the_operator(name: str) -> None:
    found: object = torch
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    assert callable(found), (
        f"torch {torch.__version__} has no {name} any more. In {HOME.name} write {INSTEAD[name]} in its place, measure "
        "with tests/bench/throughput.py, and lower the bound on torch in pyproject.toml until that is released."
    )


def test_every_private_operator_has_a_replacement_written_down() -> None:
    assert set(private_names(HOME)) == set(INSTEAD)


def test_private_operators_are_used_nowhere_else() -> None:
    strays = {path.name: names for path in ENGINE.rglob("*.py") if path != HOME and (names := [*private_names(path)])}
    assert not strays
