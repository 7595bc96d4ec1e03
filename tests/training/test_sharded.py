"""A model cut up over processes (FSDP, here of two on a CPU) has the loss and the gradients of the whole one."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from tiny_models import build_example, build_tiny
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from momentor_lib.training.checkpointing import checkpoint_layers
from momentor_lib.training.lora import add_lora


def _model_and_batches():
    model, processor = build_tiny(seed=3)
    model = add_lora(model, rank=2).train()
    return model, [processor.collate([processor.encode(build_example(seed=seed))]) for seed in range(2)]


def _in_one_process(rank: int, folder: str) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model, batches = _model_and_batches()
    checkpoint_layers(model)
    mesh = init_device_mesh("cpu", (2,))
    for layer in model.language_model.get_decoder().layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    loss = model(**batches[rank], num_items_in_batch=torch.tensor(10)).loss
    loss.backward()
    gradients = {name: p.grad.full_tensor() for name, p in model.named_parameters() if p.grad is not None}
    whole = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    losses = [torch.zeros(()) for _ in range(2)]
    dist.all_gather(losses, loss.detach())
    if rank == 0:
        torch.save({"losses": torch.stack(losses), "gradients": gradients, "weights": whole}, Path(folder) / "found.pt")
    dist.barrier()
    dist.destroy_process_group()


def test_sharded_over_two_processes_it_has_the_losses_and_gradients_of_one(tmp_path):
    mp.spawn(_in_one_process, (str(tmp_path),), nprocs=2)
    found = torch.load(tmp_path / "found.pt")
    model, batches = _model_and_batches()
    losses = [model(**batch, num_items_in_batch=torch.tensor(10)).loss for batch in batches]
    (sum(losses) / 2).backward()  # FSDP takes the mean over processes
    torch.testing.assert_close(found["losses"], torch.stack(losses).detach())
    wanted = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert wanted.keys() == found["gradients"].keys() and any("lora" in name for name in wanted)
    for name, gradient in wanted.items():
        torch.testing.assert_close(found["gradients"][name], gradient, msg=name)
    assert found["weights"].keys() == model.state_dict().keys()
    assert all(torch.equal(value, found["weights"][name]) for name, value in model.state_dict().items())
