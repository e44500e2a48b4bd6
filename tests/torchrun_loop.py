"""Two trainings in a row under torchrun; each process writes its pid and a line a step: `step lr weight`."""

import os
import sys
import time
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from tinygpt_tui.engine.attach import watch


def train(folder: Path, rank: int) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 1)
    model = DistributedDataParallel(layer)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)
    run = watch(model, optimizer, clip=1.0, runs=folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"rank-{rank}").open("w", buffering=1) as lines:
        lines.write(f"{os.getpid()}\n")
        goes_on, step = True, 0
        while goes_on:
            step += 1
            inputs = torch.full((2, 4), 0.1 + rank + step % 2)  # no weights fit both, so no gradient becomes 0
            loss = (model(inputs) - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            goes_on = run.step(loss)
            before, gradient = layer.bias.item(), layer.bias.grad
            optimizer.step()
            assert gradient is not None
            lr = (before - layer.bias.item()) / (gradient.item() + 0.5 * before)
            lines.write(f"{step} {lr:.6f} {layer.bias.item()}\n")
            time.sleep(0.002)
        lines.write("stopped\n")
    run.close()


distributed.init_process_group("gloo")
for name in ("stopped", "killed"):
    train(Path(sys.argv[1], name), distributed.get_rank())
