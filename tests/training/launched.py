"""``momentor train`` as one of several processes without a GPU; with ``--fsdp`` first, cut up over them by accelerate."""

from __future__ import annotations

import sys

from accelerate import FullyShardedDataParallelPlugin
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType

from momentor_lib.cli import main
from momentor_lib.training import stage_run


def cut_up(settings, *, make=stage_run.make_accelerator, **more):
    """What ``accelerate launch --use_fsdp --fsdp_version 2`` sets up where there are GPUs; without them accelerate does not offer it."""
    accelerator = make(settings, **more)
    assert accelerator.num_processes == 2
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2,
        auto_wrap_policy="transformer_based_wrap",
        transformer_cls_names_to_wrap=["LlamaDecoderLayer"],
        state_dict_type="FULL_STATE_DICT",
        reshard_after_forward=True,
    )
    for state in (AcceleratorState._shared_state, PartialState._shared_state):
        state["distributed_type"] = DistributedType.FSDP
    AcceleratorState._shared_state["fsdp_plugin"] = plugin
    return accelerator


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == "--fsdp":
        arguments = arguments[1:]
        stage_run.make_accelerator = cut_up
    sys.exit(main(["train", *arguments]))
