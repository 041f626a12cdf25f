"""Every tensor of the paper's figure by the name it has in the frozen files."""

import jax

from jvlgs_jax.models.jvlgs import Jvlgs, frame_pairs


def after_encoder(model: Jvlgs, features: list[jax.Array], text: jax.Array, size: tuple[int, int]) -> dict:
    """What follows the encoder's features, stage by stage."""
    found, refined = {}, []
    fusion = model.fusion.matrix(text)
    for level, features_ in enumerate(features):
        fused = features_ @ fusion
        for frame in range(3):
            found[f"vlf_frame{frame}_level{level + 1}"] = fused[:, frame]
        reference, other = frame_pairs(fused)
        correlation = model.correlations[level](reference, other)
        perception = model.perceptions[level](reference + correlation)
        refined.append(perception)
        for pair in range(2):
            found[f"correlation_pair{pair}_level{level + 1}"] = correlation[:, pair]
            found[f"perception_pair{pair}_level{level + 1}"] = perception[:, pair]
    pair_logits = model.decoder(refined, size)
    found |= {f"logits_pair{pair}": pair_logits[:, pair] for pair in range(2)}
    return found | {"logits": model.pair_fusion(pair_logits)}


def all_of(model: Jvlgs, clip: jax.Array, tokens) -> dict:
    """Everything that is frozen, from a normalised clip."""
    text = model.encode_text(tokens)
    found = {"text_pooled": text}
    maps = model.video_encoder(clip[:, 0])
    found |= {f"pvt_stage{stage + 1}_frame0": x for stage, x in enumerate(maps)}
    features = model.encode_video(clip)
    found |= {f"encoder_level{level + 1}_frame0": x[:, 0] for level, x in enumerate(features)}
    return found | after_encoder(model, features, text, clip.shape[2:4])
