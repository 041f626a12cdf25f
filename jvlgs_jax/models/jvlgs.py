"""The whole network."""

import dataclasses
from typing import Literal, NamedTuple

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.data.prompts import PromptTokens
from jvlgs_jax.errors import UserError
from jvlgs_jax.models.decoder import DetailMaps, FineFpnDecoder, FpnDecoder, PairFusion
from jvlgs_jax.models.fusion import PromptAttention, VisionLanguageFusion
from jvlgs_jax.models.perception import GroupSpatialAttention
from jvlgs_jax.models.pvt_v2 import PvtV2, PvtV2Config
from jvlgs_jax.models.receptive_field import ReceptiveFieldBlock
from jvlgs_jax.models.temporal import TemporalCorrelation
from jvlgs_jax.models.text_encoder import TextEncoder, TextEncoderConfig

POOLS = (2, 4, 8)  # TCV pooling windows, fine to coarse


@dataclasses.dataclass(frozen=True, kw_only=True)
class JvlgsConfig:
    """The network's sizes and parts; the defaults are the published ones. UserError for sizes that do not fit.

    Attributes:
        channels: width of everything after the encoder.
        num_prompts: prompts that the published fusion's weights are made for, in their order. Attention takes any.
        fusion: how features meet the prompts: the published "prompt_projection", or "prompt_attention".
        fusion_heads: of the attention.
        decoder: the published "fpn" ends at stride 8, "fine_fpn" at stride 2.
    """

    encoder: PvtV2Config = dataclasses.field(default_factory=PvtV2Config)
    text: TextEncoderConfig = dataclasses.field(default_factory=TextEncoderConfig)
    channels: int = 32
    num_prompts: int = 4
    fusion: Literal["prompt_projection", "prompt_attention"] = "prompt_projection"
    fusion_heads: int = 4
    decoder: Literal["fpn", "fine_fpn"] = "fpn"

    def __post_init__(self) -> None:
        for name, least in (("channels", 2), ("num_prompts", 1), ("fusion_heads", 1)):
            size = getattr(self, name)
            if size < least:
                default = getattr(JvlgsConfig, name)
                raise UserError(f"model.{name} is {size}, the least is {least}: the default is {default}")
        if self.fusion == "prompt_attention" and self.channels % self.fusion_heads:
            raise UserError(
                f"model.channels is {self.channels}, it must be a multiple of fusion_heads, {self.fusion_heads}: "
                "change one of the two"
            )

    @classmethod
    def tiny(cls) -> "JvlgsConfig":
        """Small enough for tests to train."""
        return cls(encoder=PvtV2Config.tiny(), text=TextEncoderConfig.tiny(), channels=8)


class JvlgsOutput(NamedTuple):
    """Logits of a clip's supervised windows, w = t - 2 of them."""

    logits: Float[Array, "b w h w2 1"]  # of the first frame of each window
    pair_logits: Float[Array, "b w 2 h w2 1"]  # of its pairs (t, t+1) and (t, t+2)


class Jvlgs(nnx.Module):
    """Joint vision-language gas-leak segmentation of infrared clips.

    A clip of T >= 3 frames is encoded once and yields T - 2 windows: frame t is segmented from t, t+1 and t+2.
    `set_attributes(implementation=NAME)` chooses how all parts attend, None what suits the device; see
    `kernels.cross_attention`.
    """

    def __init__(self, config: JvlgsConfig, *, rngs: nnx.Rngs):
        self.config = config
        channels = config.channels
        self.video_encoder = PvtV2(config.encoder, rngs=rngs)
        self.receptive_fields = nnx.List(
            [ReceptiveFieldBlock(dim, channels, rngs=rngs) for dim in config.encoder.dims[1:]]
        )
        self.text_encoder = TextEncoder(config.text, rngs=rngs)
        self.fusion = _fusion(config, rngs)
        self.correlations = nnx.List([TemporalCorrelation(channels, pool, rngs=rngs) for pool in POOLS])
        self.perceptions = nnx.List([GroupSpatialAttention(channels, rngs=rngs) for _ in POOLS])
        self.decoder, self.details = _decoder(config, rngs)
        self.pair_fusion = PairFusion(channels, rngs=rngs)

    def encode_text(self, tokens: PromptTokens) -> Float[Array, "p d"]:
        """Text features of a prompt set; compute them once when the text encoder does not train."""
        return self.text_encoder(tokens)

    def encode_video(self, clip: Float[Array, "b t h w 3"]) -> list[Float[Array, "b t _ _ _"]]:
        """Features of each frame at strides 8, 16 and 32, before them at 2 and 4 if the decoder goes as far."""
        batch, time = clip.shape[:2]
        maps = self.video_encoder(clip.reshape(batch * time, *clip.shape[2:]))
        maps = [x.reshape(batch, time, *x.shape[1:]) for x in maps]
        details = [] if self.details is None else self.details(clip, maps[0])
        return details + [block(x) for block, x in zip(self.receptive_fields, maps[1:], strict=True)]

    def segment(
        self, features: list[Float[Array, "b t _ _ _"]], text: Float[Array, "p d"], size: tuple[int, int]
    ) -> JvlgsOutput:
        """Logits of the first T - 2 frames at `size` = (height, width), from what `encode_video` makes of all."""
        batch, time = features[0].shape[:2]
        pair_logits = self.decoder(self.decoder_levels(features, text), size)
        logits = self.pair_fusion(pair_logits)
        windows = (batch, time - 2)
        return JvlgsOutput(
            logits=logits.reshape(*windows, *logits.shape[1:]),
            pair_logits=pair_logits.reshape(*windows, *pair_logits.shape[1:]),
        )

    def decoder_levels(
        self, features: list[Float[Array, "b t _ _ _"]], text: Float[Array, "p d"]
    ) -> list[Float[Array, "n _ _ _ _"]]:
        """What the decoder sees of each of the n = b (t - 2) windows, from what `encode_video` makes of the clips."""
        if features[0].shape[1] < 3:
            raise ValueError(f"clip: {features[0].shape[1]} frames, but a window needs 3")
        details, correlated = features[: -len(POOLS)], features[-len(POOLS) :]
        fuse = self.fusion(text)
        refined = [x[:, :-2].reshape(-1, 1, *x.shape[2:]) for x in details]
        for level, correlation, perception in zip(correlated, self.correlations, self.perceptions, strict=True):
            reference, other = frame_pairs(fuse(level))
            refined.append(perception(reference + correlation(reference, other)))
        return refined

    def __call__(self, clip: Float[Array, "b t h w 3"], text: Float[Array, "p d"]) -> JvlgsOutput:
        """Segments the first T - 2 frames of normalised clips; height and width must be divisible by 32."""
        height, width = clip.shape[2:4]
        return self.segment(self.encode_video(clip), text, (height, width))


def _fusion(config: JvlgsConfig, rngs: nnx.Rngs) -> VisionLanguageFusion | PromptAttention:
    if config.fusion == "prompt_attention":
        return PromptAttention(config.channels, config.text.width, config.fusion_heads, rngs=rngs)
    return VisionLanguageFusion(config.channels, config.text.width, config.num_prompts, rngs=rngs)


def _decoder(config: JvlgsConfig, rngs: nnx.Rngs) -> tuple[FpnDecoder, DetailMaps | None]:
    """The decoder, and what makes the maps finer than stride 8 for it."""
    if config.decoder == "fine_fpn":
        details = DetailMaps(config.encoder.dims[0], config.channels, rngs=rngs)
        return FineFpnDecoder(config.channels, rngs=rngs), details
    return FpnDecoder(config.channels, rngs=rngs), None


def frame_pairs(
    features: Float[Array, "b t h w c"],
) -> tuple[Float[Array, "n 2 h w c"], Float[Array, "n 2 h w c"]]:
    """The pairs (t, t+1) and (t, t+2) of every window, n = b (t - 2)."""
    reference = features[:, :-2]
    reference = jnp.stack([reference, reference], 2)
    other = jnp.stack([features[:, 1:-1], features[:, 2:]], 2)
    merged = (-1, *reference.shape[2:])
    return reference.reshape(merged), other.reshape(merged)
