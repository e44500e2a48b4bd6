"""Operators that torch does not document and may drop in any release: every one that the engine uses, and why.

tests/test_torch_private.py gives the documented replacement of each. Nothing outside this module may name one.
"""

# pyright: reportPrivateImportUsage=false

from collections.abc import Callable

import torch
from torch import Tensor

Tensors = list[Tensor] | tuple[Tensor, ...]

# One call for a whole list of tensors: a loop in Python costs as much as the arithmetic in models of this size.
add_to_each: Callable[[Tensors, Tensors], None] = torch._foreach_add_
"""a += b for each pair."""
copy_to_each: Callable[[Tensors, Tensors], None] = torch._foreach_copy_
"""a = b for each pair, rounding or widening where the precisions differ."""
subtract_from_each: Callable[[Tensors, Tensors], None] = torch._foreach_sub_
"""a -= b for each pair."""
norm_of_each: Callable[[Tensors], tuple[Tensor, ...]] = torch._foreach_norm
"""|a|, the Euclidean norm, of each tensor."""
flatten: Callable[[Tensors], Tensor] = torch._C._nn.flatten_dense_tensors  # pyright: ignore[reportAttributeAccessIssue]
"""A copy of all tensors, one behind the other, as a vector."""

# torch.optim with fused=True calls these two; its first step imports the compiler, which takes about a second.
fused_adam: Callable[..., None] = torch._fused_adam_
fused_adamw: Callable[..., None] = torch._fused_adamw_


def softmax_backward(dy: Tensor, y: Tensor) -> Tensor:
    """dx = y * (dy - sum(dy * y)) for y = softmax(x) over the last dimension, in one pass over memory."""
    return torch.ops.aten._softmax_backward_data(dy, y, -1, y.dtype)


def default_store() -> torch.distributed.Store:
    """The key-value store with which the process group was initialised."""
    return torch.distributed.distributed_c10d._get_default_store()
