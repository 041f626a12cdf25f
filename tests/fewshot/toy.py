"""A site with a moving plume, and a network of two layers that stands for a pretrained one: it compiles in a second."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PyTree

from jvlgs_jax.data.planes import InputPlanes, input_planes
from jvlgs_jax.data.prompts import DEFAULT_PROMPTS
from jvlgs_jax.data.sampling import ClipConfig
from jvlgs_jax.data.scene import Scene
from jvlgs_jax.fewshot.network import Forward, Network, Variables
from jvlgs_jax.fewshot.pool import Pool
from jvlgs_jax.fewshot.support import Support, cut_windows
from jvlgs_jax.interop.model_folder import ModelBundle, abstract_model
from jvlgs_jax.interop.parameters import flatten
from jvlgs_jax.interop.parameters import replace as replace_arrays
from jvlgs_jax.models.jvlgs import JvlgsConfig
from jvlgs_jax.models.multi_scale import InputSizes

SIZE = (32, 48)
PLANES = input_planes("temporal")
NETWORK = Network(JvlgsConfig.tiny(), "temporal", InputSizes(SIZE))
ONSET = 50  # the first frame with gas


def site(contrast: float, *, name: str = "yard", frames: int = 100, size: tuple[int, int] = SIZE) -> Scene:
    """A still scene in which gas, brighter than the background by `contrast` grey levels, drifts from frame 50 on."""
    rng = np.random.default_rng(0)
    height, width = size
    background = np.kron(rng.uniform(90, 150, (height // 8, width // 8)), np.ones((8, 8)))
    rows, columns = np.mgrid[:height, :width]
    gas = np.stack([(rows - height / 2) ** 2 + (columns - 8 - t % (width - 16)) ** 2 < 49 for t in range(frames)]) & (
        np.arange(frames) >= ONSET
    ).reshape(-1, 1, 1)
    pictures = background + contrast * gas + rng.normal(0, 1.5, gas.shape)
    return Scene(
        name=name,
        group=name,
        frames=np.clip(np.rint(pictures), 0, 255).astype(np.uint8)[..., None],
        truth=gas.astype(np.uint8),
        frames_per_second=15.0,
    )


def support_of_scene(
    scene: Scene, frames: Sequence[int], planes: InputPlanes, clips: ClipConfig, leak_free: Sequence[int] = ()
) -> Support:
    """The support that the given frames of a scene with truth make."""
    assert scene.truth is not None
    cut = cut_windows(scene.name, scene.frames, {n: scene.truth[n] for n in (*frames, *leak_free)}, planes, clips)
    by_number = {frame.number: frame for frame in cut}
    return Support(frames=tuple(by_number[n] for n in frames), leak_free=tuple(by_number[n] for n in leak_free))


def support(scene: Scene, frames: Sequence[int], leak_free: Sequence[int] = ()) -> Support:
    return support_of_scene(scene, frames, PLANES, ClipConfig(), leak_free)


def pretrained() -> Variables:
    """Finds bright gas: what is brighter than its background, through an encoder that tells bright from dark."""
    encoder = jnp.zeros((3, 4)).at[1, 0].set(1.0).at[1, 1].set(-1.0)  # brighter, darker; two idle channels
    head = jnp.array([12.0, -12.0, 0.0, 0.0]).reshape(4, 1)
    params = {
        "video_encoder": {"attention": {"query": {"kernel": encoder}}, "norm": {"scale": jnp.ones(4)}},
        "decoder": {"head": {"kernel": head, "bias": jnp.array([-4.0])}, "refine": {"norm": {"bias": jnp.zeros(4)}}},
        "text_encoder": {"kernel": jnp.ones(2)},
    }
    return Variables(params=params, rest={}, text=jnp.zeros((1, 1)))


@dataclass(frozen=True)
class ToyForward:
    """Works on single pixels of the frame asked about; its encoder runs in every step."""

    network: Network = NETWORK

    def inputs(self, variables: Variables, planes: Float[Array, "b 3 h w 3"]) -> Float[Array, "b 3 h w 3"]:
        return PLANES.normalize(planes)

    def logits(self, variables: Variables, inputs: Float[Array, "b 3 h w 3"]) -> Float[Array, "b 1 h w 1"]:
        params = variables.params
        seen = jnp.maximum(inputs[:, :1] @ params["video_encoder"]["attention"]["query"]["kernel"] - 1, 0)
        seen = seen * params["video_encoder"]["norm"]["scale"] + params["decoder"]["refine"]["norm"]["bias"]
        return seen @ params["decoder"]["head"]["kernel"] + params["decoder"]["head"]["bias"]


@dataclass(frozen=True)
class ShiftedBias:
    """Moves the head's bias by fixed amounts: what it does to masks is known without any learning."""

    amounts: tuple[float, ...]
    variants: int = 1
    unjudged: int = 1
    starts_anew: bool = False

    def forward(self, network: Network, variables: Variables) -> Forward:
        return ToyForward()

    def candidates(
        self, forward: Forward, variables: Variables, pool: Pool, members: Sequence[int]
    ) -> Iterator[Variables]:
        for amount in self.amounts:
            head = variables.params["decoder"]["head"]
            moved = {**head, "bias": head["bias"] + amount}
            yield replace(
                variables, params={**variables.params, "decoder": {**variables.params["decoder"], "head": moved}}
            )


def with_params(params: PyTree) -> Variables:
    return replace(pretrained(), params=params)


def write_frames(folder: Path, scene: Scene, annotated: Iterable[int]) -> Path:
    """Writes a scene's frames as <folder>/images, with masks of the annotated ones in <folder>/masks."""
    assert scene.truth is not None
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number, frame in enumerate(scene.frames):
        cv2.imwrite(str(folder / "images" / f"{number:04}.png"), frame)
    for number in annotated:
        cv2.imwrite(str(folder / "masks" / f"{number:04}.png"), 255 * scene.truth[number])
    return folder


def random_bundle(size: tuple[int, int]) -> ModelBundle:
    """A tiny whole network with random weights, drawn by NumPy: compiling its initializers would take longer."""
    graphdef, state = nnx.split(abstract_model(JvlgsConfig.tiny()))
    rng = np.random.default_rng(0)

    def draw(path: str, shape: tuple[int, ...]) -> np.ndarray:
        if path.endswith(("scale", "var")):
            return rng.uniform(0.5, 1.5, shape)
        return rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape)

    arrays = {path: draw(path, abstract.shape).astype(abstract.dtype) for path, abstract in flatten(state).items()}
    model = nnx.merge(graphdef, replace_arrays(state, arrays))
    model.eval()
    return ModelBundle(model=model, prompts=DEFAULT_PROMPTS, planes="temporal", input_size=size)
