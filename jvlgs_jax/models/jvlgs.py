"""The whole network."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from jvlgs_jax.data.prompts import PromptTokens
from jvlgs_jax.models.decoder import FpnDecoder, PairFusion
from jvlgs_jax.models.fusion import VisionLanguageFusion
from jvlgs_jax.models.perception import GroupSpatialAttention
from jvlgs_jax.models.pvt_v2 import PvtV2, PvtV2Config
from jvlgs_jax.models.receptive_field import ReceptiveFieldBlock
from jvlgs_jax.models.temporal import TemporalCorrelation
from jvlgs_jax.models.text_encoder import TextEncoder, TextEncoderConfig

POOLS = (2, 4, 8)  # TCV pooling windows, fine to coarse


@dataclasses.dataclass(frozen=True, kw_only=True)
class JvlgsConfig:
    """The network's sizes; the defaults are the published ones."""

    encoder: PvtV2Config = dataclasses.field(default_factory=PvtV2Config)
    text: TextEncoderConfig = dataclasses.field(default_factory=TextEncoderConfig)
    channels: int = 32  # width of everything after the encoder
    num_prompts: int = 4  # the fusion's weights are tied to the number of prompts and to their order

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
    """

    def __init__(self, config: JvlgsConfig, *, rngs: nnx.Rngs):
        self.config = config
        channels = config.channels
        self.video_encoder = PvtV2(config.encoder, rngs=rngs)
        self.receptive_fields = nnx.List(
            [ReceptiveFieldBlock(dim, channels, rngs=rngs) for dim in config.encoder.dims[1:]]
        )
        self.text_encoder = TextEncoder(config.text, rngs=rngs)
        self.fusion = VisionLanguageFusion(channels, config.text.width, config.num_prompts, rngs=rngs)
        self.correlations = nnx.List([TemporalCorrelation(channels, pool, rngs=rngs) for pool in POOLS])
        self.perceptions = nnx.List([GroupSpatialAttention(channels, rngs=rngs) for _ in POOLS])
        self.decoder = FpnDecoder(channels, rngs=rngs)
        self.pair_fusion = PairFusion(channels, rngs=rngs)

    def encode_text(self, tokens: PromptTokens) -> Float[Array, "p d"]:
        """Text features of a prompt set; compute them once when the text encoder does not train."""
        return self.text_encoder(tokens)

    def encode_video(self, clip: Float[Array, "b t h w 3"]) -> list[Float[Array, "b t _ _ c"]]:
        """Features of each frame at strides 8, 16 and 32."""
        batch, time = clip.shape[:2]
        maps = self.video_encoder(clip.reshape(batch * time, *clip.shape[2:]))
        maps = [x.reshape(batch, time, *x.shape[1:]) for x in maps[1:]]  # the stride-4 map is not used
        return [block(x) for block, x in zip(self.receptive_fields, maps, strict=True)]

    def segment(
        self, features: list[Float[Array, "b t _ _ c"]], text: Float[Array, "p d"], size: tuple[int, int]
    ) -> JvlgsOutput:
        """Logits of the first T - 2 frames at `size` = (height, width), from their features at strides 8, 16 and 32."""
        batch, time = features[0].shape[:2]
        if time < 3:
            raise ValueError(f"clip: {time} frames, but a window needs 3")
        if text.shape[0] != self.config.num_prompts:
            raise ValueError(f"text: {text.shape[0]} prompts, but this network was built for {self.config.num_prompts}")
        fusion = self.fusion.matrix(text).astype(features[0].dtype)
        refined = []
        for level, correlation, perception in zip(features, self.correlations, self.perceptions, strict=True):
            reference, other = frame_pairs(level @ fusion)
            refined.append(perception(reference + correlation(reference, other)))
        pair_logits = self.decoder(refined, size)
        logits = self.pair_fusion(pair_logits)
        windows = (batch, time - 2)
        return JvlgsOutput(
            logits=logits.reshape(*windows, *logits.shape[1:]),
            pair_logits=pair_logits.reshape(*windows, *pair_logits.shape[1:]),
        )

    def __call__(self, clip: Float[Array, "b t h w 3"], text: Float[Array, "p d"]) -> JvlgsOutput:
        """Segments the first T - 2 frames of normalised clips; height and width must be divisible by 32."""
        height, width = clip.shape[2:4]
        return self.segment(self.encode_video(clip), text, (height, width))


def frame_pairs(
    features: Float[Array, "b t h w c"],
) -> tuple[Float[Array, "n 2 h w c"], Float[Array, "n 2 h w c"]]:
    """The pairs (t, t+1) and (t, t+2) of every window, n = b (t - 2)."""
    reference = features[:, :-2]
    reference = jnp.stack([reference, reference], 2)
    other = jnp.stack([features[:, 1:-1], features[:, 2:]], 2)
    merged = (-1, *reference.shape[2:])
    return reference.reshape(merged), other.reshape(merged)
