"""A plain PyTorch training loop, the way a good textbook writes it: what the engine is held against.

usage: python plain_loop.py LAYERS HEADS WIDTH CONTEXT BATCH STEPS WARMUP; prints tokens/s of the steps after WARMUP
"""

import sys
import time

import torch
import torch.nn.functional as F

from tinygpt_tui.engine.config import DataConfig, ModelConfig
from tinygpt_tui.engine.corpus import load
from tinygpt_tui.engine.model import GPT


def main(layers: int, heads: int, width: int, context: int, batch: int, steps: int, warmup: int) -> None:
    torch.manual_seed(0)
    data = torch.tensor(load(DataConfig()).train, dtype=torch.long)
    model = GPT(ModelConfig(layers=layers, heads=heads, width=width, context=context), torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    began = 0.0
    for step in range(1, steps + 1):
        starts = torch.randint(len(data) - context, (batch,)).tolist()
        x = torch.stack([data[start : start + context] for start in starts])
        y = torch.stack([data[start + 1 : start + context + 1] for start in starts])
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step == warmup:
            began = time.perf_counter()
    print(batch * context * (steps - warmup) / (time.perf_counter() - began))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
