"""`jvlgs serve`: a web view for this machine: drop a video, watch, tune, download the report."""

import argparse
import sys

from jvlgs_jax.cli.use_arguments import add_checkpoint_argument, add_use_arguments, check_use
from jvlgs_jax.errors import UserError
from jvlgs_jax.serve.address import address_of, is_loopback, listen, names_of
from jvlgs_jax.serve.uploads import MAX_UPLOAD_MIB

PORT = 8765


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    add_checkpoint_argument(parser)
    add_use_arguments(parser)
    parser.add_argument("--port", type=int, default=PORT, help=f"where to listen (default {PORT}); 0: any free one")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at (default 127.0.0.1: only this machine reaches it; there is no password)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name by which browsers may call this server, with --host; may be given several times",
    )
    parser.add_argument(
        "--max-upload-mib",
        type=int,
        default=MAX_UPLOAD_MIB,
        metavar="N",
        help=f"the largest video that is taken, in MiB (default {MAX_UPLOAD_MIB})",
    )


def run(args: argparse.Namespace) -> int:
    """Serves until it is interrupted."""
    check_use(args)
    if args.max_upload_mib < 1:
        raise UserError(f"--max-upload-mib is {args.max_upload_mib}, the least is 1")
    with listen(args.host, args.port) as listener:
        # Imported here, so that help and a port that is taken need not wait for JAX.
        from jvlgs_jax.cli.checkpoint import checkpoint_name
        from jvlgs_jax.cli.model_choice import choose_model
        from jvlgs_jax.inference.provenance import describe_model
        from jvlgs_jax.inference.segmenter import Segmenter
        from jvlgs_jax.inference.streaming import StreamingSegmenter
        from jvlgs_jax.serve.app import AppConfig
        from jvlgs_jax.serve.server import serve
        from jvlgs_jax.serve.station import Station

        bundle, rule = choose_model(args)
        model = describe_model(checkpoint_name(args.checkpoint), bundle)
        options = [f"--{name}={getattr(args, name)}" for name in ("checkpoint", "prompts") if getattr(args, name)]
        station = Station(Segmenter(bundle), rule, model, options, lambda: StreamingSegmenter(bundle))
        config = AppConfig(names=names_of(args.host, tuple(args.allow_host)), max_upload_mib=args.max_upload_mib)
        if not is_loopback(listener):
            print(
                f"jvlgs: warning: --host={args.host}: whoever reaches this machine can see and replace the videos; "
                "there is no password and no encryption",
                file=sys.stderr,
            )
        print(f"open {address_of(listener, args.host)} in a browser; Ctrl-C here ends it", flush=True)
        serve(listener, station, config)
    return 0
