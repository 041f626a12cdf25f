"""Times the encoder's training step in PyTorch, beside which training_step.py's may be held on the same machine.

pip install torch
python benchmarks/encoder_in_torch.py --variant b5 --frames 6

The PVTv2 of transformers on random frames in float32, gradient and Adam, without what follows the encoder. Three frames
are a window, as in a clip of three.
"""

import argparse
import resource
import statistics
import time

import torch
from transformers import PvtV2Backbone, PvtV2Config

from jvlgs_jax.models.pvt_v2 import PvtV2Config as OwnConfig


def build(variant: str, size: int) -> PvtV2Backbone:
    """The encoder whose sizes ours has under that name."""
    own = OwnConfig.variant(variant)
    config = PvtV2Config(
        image_size=size,
        hidden_sizes=list(own.dims),
        depths=list(own.depths),
        num_attention_heads=list(own.heads),
        mlp_ratios=list(own.mlp_ratios),
        sr_ratios=list(own.reductions),
        drop_path_rate=0.0,
        out_features=["stage2", "stage3", "stage4"],
    )
    return PvtV2Backbone(config).train()


def main() -> None:
    """Prints the median of a few steps, in seconds a window."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", default="b5", choices=[f"b{size}" for size in range(6)])
    parser.add_argument("--size", type=int, default=352, help="pixels each way (default %(default)s)")
    parser.add_argument("--frames", type=int, default=6, help="of all clips (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="timed steps (default %(default)s)")
    args = parser.parse_args()
    torch.manual_seed(0)
    encoder = build(args.variant, args.size)
    optimizer = torch.optim.Adam(encoder.parameters(), 1e-4)
    frames = torch.rand(args.frames, 3, args.size, args.size)
    wall, processor = [], []
    for _ in range(args.repeats + 1):
        started, spent = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        torch.stack([x.square().mean() for x in encoder(frames).feature_maps]).sum().backward()
        optimizer.step()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - spent)
    a_window = [statistics.median(seconds[1:]) * 3 / args.frames for seconds in (wall, processor)]
    print(f"{args.variant}, {args.frames} frames, {args.size} x {args.size}, PyTorch {torch.__version__}")
    print(f"encoder and Adam {a_window[0]:7.3f} s a window, {a_window[1]:7.3f} s of processor time")
    print(f"resident at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
