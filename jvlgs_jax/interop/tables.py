"""The names of our tensors in the published files, one table a family."""

import dataclasses

from jvlgs_jax.interop.tensors import (
    BATCH_NORM,
    CONV,
    DEPTHWISE,
    EMBEDDING,
    LINEAR,
    NORM,
    Table,
    Tensor,
    expand,
)
from jvlgs_jax.models.jvlgs import JvlgsConfig


@dataclasses.dataclass(frozen=True)
class PvtNames:
    """What a PVTv2 file calls its stages' parts."""

    patch_embeds: tuple[str, ...]
    blocks: tuple[str, ...]
    norms: tuple[str, ...]
    depthwise: str


ORIGINAL_PVT = PvtNames(
    patch_embeds=("patch_embed1", "patch_embed2", "patch_embed3", "patch_embed4"),
    blocks=("block1", "block2", "block3", "block4"),
    norms=("norm1", "norm2", "norm3", "norm4"),
    depthwise="mlp.dwconv.dwconv",
)
TIMM_PVT = PvtNames(
    patch_embeds=("patch_embed", "stages.1.downsample", "stages.2.downsample", "stages.3.downsample"),
    blocks=("stages.0.blocks", "stages.1.blocks", "stages.2.blocks", "stages.3.blocks"),
    norms=("stages.0.norm", "stages.1.norm", "stages.2.norm", "stages.3.norm"),
    depthwise="mlp.dwconv",
)

PATCH_EMBED: Table = (("projection", "proj", CONV), ("norm", "norm", NORM))


def pvt_block(depthwise: str) -> Table:
    """Table of one transformer block."""
    return (
        ("norm1", "norm1", NORM),
        ("attention/query", "attn.q", LINEAR),
        ("attention/key_value", "attn.kv", LINEAR),
        ("attention/projection", "attn.proj", LINEAR),
        ("attention/reduction", "attn.sr", CONV),
        ("attention/reduction_norm", "attn.norm", NORM),
        ("norm2", "norm2", NORM),
        ("mlp/expand", "mlp.fc1", LINEAR),
        ("mlp/depthwise", depthwise, DEPTHWISE),
        ("mlp/project", "mlp.fc2", LINEAR),
    )


def _conv_bn(ours: str, theirs: str) -> Table:
    return ((f"{ours}/conv", f"{theirs}.conv", CONV), (f"{ours}/norm", f"{theirs}.bn", BATCH_NORM))


RECEPTIVE_FIELD: Table = (
    *(row for k in range(4) for i in range(4 if k else 1) for row in _conv_bn(f"branches/{k}/{i}", f"branch{k}.{i}")),
    *_conv_bn("merge", "conv_cat"),
    *_conv_bn("shortcut", "conv_res"),
)
DECODER: Table = (*((f"smooth/{i}", f"smooth_convs.{i}", CONV) for i in range(3)), ("head", "final_conv", CONV))
CORRELATION: Table = (
    ("value", "nonlocals.0.g.0", CONV),
    ("projection", "nonlocals.0.W", CONV),
    ("merge", "out_conv", CONV),
)
PERCEPTION: Table = (
    *_conv_bn("expand", "expand_conv"),
    ("gate_squeeze", "gate_genator.1", CONV),  # the published program's spelling
    ("gate_excite", "gate_genator.3", CONV),
    *(row for i in range(6) for row in _conv_bn(f"interact/{i}", f"interact.{i}")),
    *_conv_bn("merge", "BNReLU"),
)
PAIR_FUSION: Table = tuple((f"layers/{i}", str(i), CONV) for i in range(3))

TEXT_EMBEDDINGS: Table = (
    ("token_embedding", "token_embedding", EMBEDDING),
    ("position_embedding", "position_embedding", EMBEDDING),
)
TEXT_LAYER: Table = (
    *((f"self_attn/{name}", f"self_attn.{name}", LINEAR) for name in ("k_proj", "v_proj", "q_proj", "out_proj")),
    ("layer_norm1", "layer_norm1", NORM),
    ("mlp/fc1", "mlp.fc1", LINEAR),
    ("mlp/fc2", "mlp.fc2", LINEAR),
    ("layer_norm2", "layer_norm2", NORM),
)


def pvt_v2(config: JvlgsConfig, names: PvtNames, prefix: str = "") -> list[Tensor]:
    """A PVTv2 image classifier's encoder under its original or timm's names."""
    tensors = []
    for stage, depth in enumerate(config.encoder.depths):
        ours = f"video_encoder/stages/{stage}"
        tensors += expand(PATCH_EMBED, f"{ours}/patch_embed", prefix + names.patch_embeds[stage])
        for layer in range(depth):
            theirs = f"{prefix}{names.blocks[stage]}.{layer}"
            tensors += expand(pvt_block(names.depthwise), f"{ours}/blocks", theirs, layer)
        tensors += expand([("norm", names.norms[stage], NORM)], ours, prefix.rstrip("."))
    return tensors


def jvlgs_encoder(config: JvlgsConfig, prefix: str) -> list[Tensor]:
    """The published video encoder: PVTv2 and its receptive-field blocks."""
    tensors = pvt_v2(config, ORIGINAL_PVT, f"{prefix}pvtv2_en.")
    for level in range(3):
        tensors += expand(RECEPTIVE_FIELD, f"receptive_fields/{level}", f"{prefix}rfb{level + 2}_1")
    return tensors


def text_tower(config: JvlgsConfig, prefix: str) -> list[Tensor]:
    """A CLIP-type text transformer under its Hugging Face names."""
    ours, theirs = "text_encoder/params/text_model", f"{prefix}text_model"
    tensors = expand(TEXT_EMBEDDINGS, f"{ours}/embeddings", f"{theirs}.embeddings")
    for layer in range(config.text.layers):
        path = f"encoder/layers/{layer}"
        tensors += expand(TEXT_LAYER, f"{ours}/{path}", f"{theirs}.{path.replace('/', '.')}")
    return tensors + expand([("final_layer_norm", "final_layer_norm", NORM)], ours, theirs)


def jvlgs(config: JvlgsConfig) -> list[Tensor]:
    """The whole published network, in the order of its files."""
    tensors = jvlgs_encoder(config, "backbone.encoder.")
    tensors += expand(DECODER, "decoder", "backbone.decoder")
    tensors += text_tower(config, "nlpmodel.")
    tensors += expand([("visual", "visual_proj", LINEAR), ("back", "fmap_proj", LINEAR)], "fusion", "")
    for level in range(3):
        tensors += expand(CORRELATION, f"correlations/{level}", f"ctc.nl_layer{level + 1}")
    for level in range(3):
        tensors += expand(_conv_bn("out", f"conv{level + 1}"), f"correlations/{level}", "ctc")
    for level in range(3):
        tensors += expand(PERCEPTION, f"perceptions/{level}", f"fsp{level + 1}")
    return tensors + expand(PAIR_FUSION, "pair_fusion", "fusion_conv")
