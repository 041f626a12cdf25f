"""What a config says about meta-training."""

from dataclasses import dataclass, field

from jvlgs_jax.data.episodes import EpisodeConfig
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.inner_loop import InnerConfig
from jvlgs_jax.fewshot.meta_learners import meta_learner


@dataclass(frozen=True, kw_only=True)
class MetaConfig:
    """How a start for adaptation is learned. UserError for settings that do not go together.

    The rest of the training, its optimizer among it, is that of any other: a batch is some tasks in place of some
    clips, `data.batch_size` is not used.

    Attributes:
        learner: one of `meta_learners.META_LEARNERS`.
        inner: how a task is learned.
        episodes: what a task is.
        abreast: tasks that a device works on at a time, for the memory of so many; the others follow. None: all of its
            own, but one after the other on a CPU, where it is faster.
    """

    learner: str = "fomaml"
    inner: InnerConfig = field(default_factory=InnerConfig)
    episodes: EpisodeConfig = field(default_factory=EpisodeConfig)
    abreast: int | None = None

    def __post_init__(self) -> None:
        meta_learner(self.learner, self.inner)
        if self.abreast is not None and (self.abreast < 1 or self.episodes.tasks % self.abreast):
            raise UserError(
                f"meta.abreast is {self.abreast}, but a batch has {self.episodes.tasks} tasks: use a divisor of them"
            )
