"""A prepared dataset as a table."""

from collections.abc import Callable, Sequence
from statistics import median

from jvlgs_jax.data.records.index import RecordIndex, SceneRecords

MOST_ROWS = 60  # a dataset of more scenes gets a row for each split

HEADER = ("scene", "group", "split", "frames", "leak frames", "leak-free", "leak area: least", "median", "most")


def summary(index: RecordIndex) -> str:
    """Returns a row for each scene (or split) and one for all: frames, frames with gas, share without, leak areas.

    Areas are shares of the frame, over frames with gas; of several scenes, their median is the median of the scenes'.
    "-" stands where no truth is known. Skipped scenes are listed below.
    """
    scenes = index.scenes
    if len(scenes) <= MOST_ROWS:
        rows = [_row(scene.info.name, scene.info.group, scene.info.split or "", [scene]) for scene in scenes]
    else:
        splits = sorted({scene.info.split or "" for scene in scenes})
        rows = [
            _row(f"{len(part)} scenes", _groups(part), split, part)
            for split in splits
            if (part := [scene for scene in scenes if (scene.info.split or "") == split])
        ]
    rows.append(_row(f"all {len(scenes)}", _groups(scenes), "", scenes))
    lines = _aligned([HEADER, *rows])
    if index.skipped:
        lines += ["", f"skipped {len(index.skipped)} damaged scenes:", *(f"  {line}" for line in index.skipped)]
    return "\n".join(lines)


def _row(name: str, group: str, split: str, scenes: Sequence[SceneRecords]) -> tuple[str, ...]:
    frames = sum(scene.info.length for scene in scenes)
    known = [scene.info.leak for scene in scenes if scene.info.leak is not None]
    labelled = sum(len(leak) for leak in known)
    leaks = int(sum(leak.sum() for leak in known))
    areas = [scene.areas for scene in scenes if scene.areas is not None]

    def area(of: Callable[[list[float]], float], place: int) -> str:
        return _percent(of([each[place] for each in areas])) if areas else "-"

    return (
        name,
        group,
        split,
        f"{frames}",
        f"{leaks}" if known else "-",
        _percent(1 - leaks / labelled) if labelled else "-",
        area(min, 0),
        area(median, 1),
        area(max, 2),
    )


def _groups(scenes: Sequence[SceneRecords]) -> str:
    return f"{len({scene.info.group for scene in scenes})} groups"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    names = 3  # columns of words, to the left; figures stand to the right
    return [
        "  ".join(
            cell.ljust(width) if i < names else cell.rjust(width) for i, (cell, width) in enumerate(pairs)
        ).rstrip()
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
