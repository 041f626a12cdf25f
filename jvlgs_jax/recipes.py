"""What several files of configs/ have in common: functions that set a part of a config.

Each takes the ConfigDict of `experiment.default_config` and changes it; a config file may change it further.
"""

from collections.abc import Mapping

from ml_collections import ConfigDict

from jvlgs_jax.data.batches import MixedDataset
from jvlgs_jax.data.episodes import EpisodeConfig
from jvlgs_jax.experiment import to_config_dict
from jvlgs_jax.fewshot.config import MetaConfig
from jvlgs_jax.fewshot.inner_loop import InnerConfig
from jvlgs_jax.models.pvt_v2 import PvtV2Config
from jvlgs_jax.models.text_encoder import TextEncoderConfig
from jvlgs_jax.simulation.presets import preset
from jvlgs_jax.simulation.training_source import SimulatedClips
from jvlgs_jax.training.config import EvaluatorConfig

TEXT_FROZEN = ("text_encoder/.*",)
ENCODER_FROZEN = ("video_encoder/.*", "receptive_fields/.*", "details/.*")


def published_protocol(config: ConfigDict, *, epochs: float, decay_epoch: float) -> None:
    """The released program's training and its rule, beside which ours scores the same masks' probabilities.

    What is set here differs from the defaults; these are published already: PVTv2-b5, RGB, 352x352, clips of three
    frames, batches of 6, Adam at 1e-4, gradient elements cut to 0.5, the loss and the other augmentation.
    """
    config.data.augmentation.jitter_scope = "frame"
    config.train.epochs = epochs
    config.train.optimizer.decay_epochs = (decay_epoch,)
    config.train.evaluators = (
        EvaluatorConfig(name="published_rule", rule="minmax_opening", every_epochs=epochs / 4),
        EvaluatorConfig(name="test", rule="confidence_gate", every_epochs=epochs / 4, baselines=True),
    )
    config.train.keep = 1


def fine_tuning(config: ConfigDict, *, epochs: float, learning_rate: float) -> None:
    """AdamW with smaller rates in earlier blocks of the encoder, a warm-up, a cosine and a running mean of weights."""
    config.train.epochs = epochs
    config.train.optimizer.name = "adamw"
    config.train.optimizer.learning_rate = learning_rate
    config.train.optimizer.layer_decay = 0.9
    config.train.optimizer.gradient_clamp = None
    config.train.optimizer.gradient_norm = 1.0
    config.train.optimizer.schedule = "warmup_cosine"
    config.train.optimizer.warmup_epochs = epochs / 20
    config.train.optimizer.frozen = TEXT_FROZEN
    config.train.optimizer.ema_decay = 0.999


def real_footage(config: ConfigDict) -> None:
    """Grey infrared video: planes that show motion, clips without gas as well, and the changes that suit it."""
    config.data.planes = "temporal"
    config.data.clips.length = 6
    config.data.leak_free_share = 0.25
    infrared_augmentation(config)


def infrared_augmentation(config: ConfigDict) -> None:
    """Changes of grey levels that leave them meaningful, and what else moves in a picture."""
    # Milder than the published ranges, which were made for colour photographs.
    config.data.augmentation.brightness = (0.8, 1.2)
    config.data.augmentation.contrast = (0.7, 1.3)
    config.data.augmentation.sharpness = (0.5, 1.5)
    # Without these, clouds on an unseen background are taken for gas: see docs/results.md.
    config.data.augmentation.cloud_probability = 0.5
    config.data.augmentation.exposure_drift = 4.0


def simulated_pretraining(config: ConfigDict, *, encoder: str, clips_per_batch: int, steps: int) -> None:
    """A PVTv2 of the given size trained from random weights on simulated clips, on any number of devices.

    The clips are made where the training runs, as they are drawn; nothing is on disk, and nothing is held out. Clips of
    10 frames are encoded once and give 8 windows each. Parameters stay float32, arithmetic is bfloat16, and encoder
    blocks keep their inputs only.
    """
    config.model.encoder = to_config_dict(PvtV2Config.variant(encoder))
    config.data.root = None
    config.simulated = tuple(
        SimulatedClips(family=preset(family), clips=1_000_000, weight=weight, abreast=8)
        for family, weight in (("simgas_like", 0.3), ("gasvid_like", 0.3), ("hard_negatives", 0.25), ("faint", 0.15))
    )
    config.data.planes = "temporal"
    config.data.input_size = (256, 320)
    config.data.clips.length = 10
    config.data.batch_size = clips_per_batch
    config.data.augmentation.jitter_scope = "clip"
    config.train.steps = steps
    config.train.precision = "bfloat16"
    config.train.remat = "full"
    _adamw(config, warmup_steps=steps // 20, ema_decay=0.9999)
    config.train.evaluators = ()
    config.train.save_every = 1_000


def small_network(config: ConfigDict) -> None:
    """About a million parameters beside the text encoder, and parts of ours in place of published ones."""
    config.model.encoder = to_config_dict(
        PvtV2Config(dims=(16, 32, 64, 96), depths=(2, 2, 2, 2), heads=(1, 2, 4, 4), mlp_ratios=(4, 4, 4, 4))
    )
    config.model.channels = 24
    config.model.text = to_config_dict(TextEncoderConfig.tiny())
    config.model.fusion = "prompt_attention"
    config.model.decoder = "fine_fpn"


def plumes_on_disk(config: ConfigDict, weights: Mapping[str, float], *, root: str = "data") -> None:
    """Trains on prepared simulated clips: `weights` says how often one of each preset is drawn, the first being 1."""
    first, *others = weights
    config.data.root = root
    config.data.dataset = f"plume_sim/{first}"
    config.data.mixed_with = tuple(
        MixedDataset(root=root, dataset=f"plume_sim/{other}", weight=weights[other]) for other in others
    )
    small_clips(config)


def small_clips(config: ConfigDict) -> None:
    """Batches of 8 short clips of grey video, a third of them without gas, and changes of grey levels that suit it."""
    config.data.planes = "temporal"
    config.data.clips.length = 3  # neighbouring windows teach the same: more clips instead
    config.data.batch_size = 8
    config.data.leak_free_share = 0.3
    config.data.augmentation.salt_and_pepper = 0.0  # to the overlap of a frame without gas a few wrong pixels are all
    config.data.augmentation.brightness = (0.8, 1.2)
    config.data.augmentation.contrast = (0.6, 1.4)
    config.data.augmentation.sharpness = (0.5, 1.5)


def small_and_zoomed(config: ConfigDict) -> None:
    """Pictures of 128x160, most of them parts of a clip's, so that plumes of every scale cost little to learn from.

    A network trained so may run at twice the size, where plumes are as large as in the smallest parts.
    """
    config.data.input_size = (128, 160)
    config.data.augmentation.crop_probability = 0.7
    config.data.augmentation.crop_scale = (0.45, 1.0)
    config.data.augmentation.polarity_probability = 0.1
    config.data.augmentation.blur_probability = 0.2
    config.data.augmentation.temporal_noise = 1.0
    config.data.augmentation.exposure_drift = 1.0
    config.data.augmentation.cloud_probability = 0.05


def small_fine_tuning(config: ConfigDict) -> None:
    """The small model that ships, taken further on labelled videos, each background held out in its turn."""
    small_network(config)
    config.rule.low, config.rule.high = 0.5, 0.8
    config.rule.minimum_share, config.rule.kernel = 0.0005, 5
    config.rule.low_rate, config.rule.high_rate = 0.2, 0.5
    config.data.split = "grouped/0"
    small_clips(config)
    small_and_zoomed(config)
    config.data.input_size = (192, 256)
    config.data.inference_size, config.data.coarse_size = (288, 384), (192, 256)
    config.data.batch_size = 6
    config.data.augmentation.cloud_probability = 0.2
    config.data.augmentation.exposure_drift = 2.0
    config.train.init_from = ("plume_small",)
    adamw_cosine(config, steps=300, learning_rate=2e-4)
    config.train.optimizer.ema_decay = 0.97
    config.train.evaluators = (EvaluatorConfig(name="test"),)


def adamw_cosine(config: ConfigDict, *, steps: int, learning_rate: float) -> None:
    """So many steps of AdamW, with a warm-up, a cosine and no evaluators; the text encoder stays."""
    config.train.steps = steps
    config.train.save_every = 250
    config.train.optimizer.learning_rate = learning_rate
    _adamw(config, warmup_steps=steps // 25, ema_decay=0.995)
    config.train.evaluators = ()


def meta_training(config: ConfigDict, learner: str, *, steps: int, learning_rate: float) -> None:
    """A start for adaptation, learned from simulated scenes and from the small network that ships.

    The encoder stays as it is, so that its features are computed once for each clip. Every eighth scene is held out.
    """
    small_network(config)
    plumes_on_disk(config, {"simgas_like": 1.0})
    config.data.input_size = (128, 160)
    config.data.split = "grouped/0of8"
    config.data.leak_free_share = 0.2
    config.train.init_from = ("plume_small",)
    config.train.steps = steps
    config.train.save_every = 50
    config.train.optimizer.learning_rate = learning_rate
    config.train.optimizer.gradient_clamp = None
    config.train.optimizer.gradient_norm = 1.0
    config.train.optimizer.schedule = "warmup_cosine"
    config.train.optimizer.warmup_steps = steps // 20
    config.train.optimizer.frozen = TEXT_FROZEN + ENCODER_FROZEN
    config.train.evaluators = (EvaluatorConfig(name="held_out", kind="tasks", every=50),)
    inner = InnerConfig(steps=3, learning_rate=0.03, adapted=("decoder/.*", "pair_fusion/.*"), unroll=3)
    config.meta = to_config_dict(MetaConfig(learner=learner, inner=inner, episodes=EpisodeConfig(tasks=4, shots=5)))


def pod_training(config: ConfigDict) -> None:
    """3-frame clips at 352x352 in bfloat16, 32 windows a chip of a v5e-256: what compile checks are made of."""
    config.data.batch_size = 32 * 256
    config.train.steps = 20_000
    config.train.precision = "bfloat16"
    config.train.remat = "full"
    config.train.optimizer.name = "adamw"
    config.train.optimizer.schedule = "warmup_cosine"
    config.train.optimizer.warmup_steps = 500
    config.train.optimizer.gradient_norm = 1.0


def _adamw(config: ConfigDict, *, warmup_steps: int, ema_decay: float) -> None:
    """A warm-up and a cosine, gradients of norm 1 at most and a running mean of weights; the text encoder stays."""
    config.train.optimizer.name = "adamw"
    config.train.optimizer.gradient_clamp = None
    config.train.optimizer.gradient_norm = 1.0
    config.train.optimizer.schedule = "warmup_cosine"
    config.train.optimizer.warmup_steps = warmup_steps
    config.train.optimizer.frozen = TEXT_FROZEN
    config.train.optimizer.ema_decay = ema_decay
