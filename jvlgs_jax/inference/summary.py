"""What one prediction found, in numbers."""

from dataclasses import dataclass

from jvlgs_jax.inference.watching import News, Observation


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Counts of frames and alarms.

    Attributes:
        frames: of the video.
        frames_with_gas: with something in the mask.
        frames_in_alarm: in which an alarm was on.
        frames_suspended: in which the camera moved, so that no alarm could be.
        alarms: how many were raised.
    """

    frames: int = 0
    frames_with_gas: int = 0
    frames_in_alarm: int = 0
    frames_suspended: int = 0
    alarms: int = 0

    def __str__(self) -> str:
        suspended = f", {self.frames_suspended} with the camera moving" if self.frames_suspended else ""
        alarms = f"{self.alarms} alarm{'' if self.alarms == 1 else 's'}"
        return f"{self.frames} frames, {self.frames_with_gas} with gas{suspended}, {alarms}"

    def with_frame(self, seen: Observation) -> "Summary":
        """Returns the summary with one frame more."""
        return Summary(
            frames=self.frames + 1,
            frames_with_gas=self.frames_with_gas + (seen.row.area_px > 0),
            frames_in_alarm=self.frames_in_alarm + seen.row.alarm,
            frames_suspended=self.frames_suspended + seen.row.suspended,
            alarms=self.alarms + sum(event.news is News.ALARM_RAISED for event in seen.events),
        )
