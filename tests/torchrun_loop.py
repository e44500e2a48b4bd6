"""A loop under torchrun: each process writes its pid, and a line a step: `step lr weight`, both of the update."""

import os
import sys
import time
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from tinygpt_tui.engine.attach import watch

distributed.init_process_group("gloo")
rank = distributed.get_rank()
torch.manual_seed(0)
model = DistributedDataParallel(nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)
folder = Path(sys.argv[1], os.environ["TORCHELASTIC_RESTART_COUNT"])
run = watch(model, optimizer, clip=1.0, runs=folder)
with (folder / f"rank-{rank}").open("w") as lines:
    lines.write(f"{os.getpid()}\n")
    for step in range(1, 100_000):
        loss = model(torch.full((2, 4), 0.1 + rank)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        goes_on = run.step(loss)
        before = model.module.bias.item()
        optimizer.step()
        moved = (before - model.module.bias.item()) / (model.module.bias.grad.item() + 0.5 * before)
        lines.write(f"{step} {moved:.6f} {model.module.bias.item()}\n")
        lines.flush()
        if not goes_on:
            lines.write("stopped\n")
            break
        time.sleep(0.002)
run.close()
distributed.destroy_process_group()
