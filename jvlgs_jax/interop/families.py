"""The kinds of weight file that can be read: how to recognise one, its sizes, and what in it we leave alone."""

import dataclasses
import re
from collections.abc import Callable, Mapping

from jvlgs_jax.errors import UserError
from jvlgs_jax.interop import tables
from jvlgs_jax.interop.tensors import Tensor
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.models.text_encoder import TextEncoderConfig

Shapes = Mapping[str, tuple[int, ...]]

HEAD_DIM = 64  # of every attention head in CLIP-type text transformers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of file."""

    name: str
    part: str  # the part of our network it fills, a key of PARTS
    marker: str  # a regular expression that one of its keys, and of no earlier family's, matches
    config: Callable[[Shapes], JvlgsConfig]  # reads the sizes off the shapes
    tensors: Callable[[JvlgsConfig], list[Tensor]]
    ignored: Mapping[str, str] = dataclasses.field(default_factory=dict)  # key pattern -> why it is not used


# The parts of our network that a file can fill: which of our paths they cover.
PARTS = {
    "model": r".*",
    "encoder": r"(video_encoder|receptive_fields)/.*",
    "video_encoder": r"video_encoder/.*",
    "text_encoder": r"text_encoder/.*",
}


def recognise(keys: Mapping[str, object], source: str) -> Family:
    """The family that a file's keys belong to. UserError when none does."""
    for family in FAMILIES:
        if any(re.match(family.marker, key) for key in keys):
            return family
    names = ", ".join(family.name for family in FAMILIES)
    first = ", ".join(sorted(keys)[:3])
    raise UserError(f"{source}: not a weight file of a known kind ({names}); its keys begin with: {first}")


def _pvt_config(shapes: Shapes, names: tables.PvtNames, prefix: str = "") -> PvtV2Config:
    dims, depths, ratios, reductions = [], [], [], []
    for patch_embed, block, published in zip(names.patch_embeds, names.blocks, PvtV2Config.dims, strict=True):
        dim = shapes.get(f"{prefix}{patch_embed}.proj.weight", (published,))[0]
        first = f"{prefix}{block}.0."
        dims.append(dim)
        depths.append(_count(shapes, re.escape(f"{prefix}{block}.") + r"(\d+)\."))
        # At least 1 and the published width where there is none, so that the gap is reported.
        ratios.append(max(shapes.get(f"{first}mlp.fc1.weight", (dim,))[0] // dim, 1))
        reductions.append(shapes.get(f"{first}attn.sr.weight", (1,))[-1])
    return PvtV2Config(dims=tuple(dims), depths=tuple(depths), mlp_ratios=tuple(ratios), reductions=tuple(reductions))


def _text_config(shapes: Shapes, prefix: str) -> TextEncoderConfig:
    model = f"{prefix}text_model."
    vocabulary, width = shapes.get(f"{model}embeddings.token_embedding.weight", (49408, 512))
    return TextEncoderConfig(
        width=width,
        mlp_width=shapes.get(f"{model}encoder.layers.0.mlp.fc1.weight", (4 * width,))[0],
        layers=_count(shapes, re.escape(f"{model}encoder.layers.") + r"(\d+)\."),
        heads=max(width // HEAD_DIM, 1),
        positions=shapes.get(f"{model}embeddings.position_embedding.weight", (16,))[0],
        vocabulary=vocabulary,
    )


def _count(shapes: Shapes, pattern: str) -> int:
    """One more than the largest number that `pattern` captures; 1 when there is none, so that the gap is reported."""
    found = [int(match[1]) for key in shapes if (match := re.match(pattern, key))]
    return max(found, default=0) + 1


def _encoder_config(shapes: Shapes, prefix: str) -> JvlgsConfig:
    encoder = _pvt_config(shapes, tables.ORIGINAL_PVT, f"{prefix}pvtv2_en.")
    channels = shapes.get(f"{prefix}rfb2_1.conv_res.conv.weight", (32,))[0]
    return JvlgsConfig(encoder=encoder, channels=channels)


def _jvlgs_config(shapes: Shapes) -> JvlgsConfig:
    return dataclasses.replace(
        _encoder_config(shapes, "backbone.encoder."),
        text=_text_config(shapes, "nlpmodel."),
        num_prompts=shapes.get("fmap_proj.weight", (32, 4))[1],
    )


def _encoder_family(name: str, prefix: str, ignored: Mapping[str, str]) -> Family:
    return Family(
        name=name,
        part="encoder",
        marker=re.escape(f"{prefix}pvtv2_en."),
        config=lambda shapes: _encoder_config(shapes, prefix),
        tensors=lambda config: tables.jvlgs_encoder(config, prefix),
        ignored=ignored,
    )


def _pvt_family(name: str, names: tables.PvtNames) -> Family:
    return Family(
        name=name,
        part="video_encoder",
        marker=re.escape(f"{names.blocks[0]}.0.attn.q."),
        config=lambda shapes: JvlgsConfig(encoder=_pvt_config(shapes, names)),
        tensors=lambda config: tables.pvt_v2(config, names),
        ignored={r"head\.": "the ImageNet classifier"},
    )


def _text_family(name: str, prefix: str, ignored: Mapping[str, str]) -> Family:
    return Family(
        name=name,
        part="text_encoder",
        marker=re.escape(f"{prefix}text_model."),
        config=lambda shapes: JvlgsConfig(text=_text_config(shapes, prefix)),
        tensors=lambda config: tables.text_tower(config, prefix),
        ignored={
            rf"{re.escape(prefix)}text_model\.embeddings\.position_ids": "a constant that old files carry",
            r"(.*\.)?(text_projection|visual_projection|logit_scale)": "the contrastive head, after our features",
            **ignored,
        },
    )


_CAMOUFLAGE = {r"(backbone\.)?(decoder|NCD|RS\d|GRA)": "the camouflage network's decoder"}

# The order matters: a whole model is recognised before its parts.
FAMILIES = (
    Family(
        name="jvlgs",
        part="model",
        marker=r"(fusion_conv|visual_proj|fmap_proj)\.",
        config=_jvlgs_config,
        tensors=tables.jvlgs,
        ignored={r"nlpmodel\.text_model\.embeddings\.position_ids": "a constant that old files carry"},
    ),
    _encoder_family("cod10k", "backbone.encoder.", _CAMOUFLAGE),
    _encoder_family("cod10k-encoder", "encoder.", _CAMOUFLAGE),
    _encoder_family(
        "cod10k-slt", "backbone.feat_net.", {r"backbone\.(?!feat_net)": "the camouflage network's decoder"}
    ),
    _pvt_family("pvt_v2", tables.ORIGINAL_PVT),
    _pvt_family("pvt_v2-timm", tables.TIMM_PVT),
    _text_family(
        "owlv2",
        "owlv2.",
        {
            r"owlv2\.vision_model\.": "the image tower",
            r"(class_head|box_head|objectness_head|layer_norm)\.": "detection",
        },
    ),
    _text_family("clip", "", {r"vision_model\.": "the image tower"}),
)
