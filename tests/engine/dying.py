"""Work that kills its own worker, in a module that a worker can import."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from momentor_lib.engine.load import load_backends
from momentor_lib.engine.pipeline import VideoRun
from momentor_lib.engine.run import Generation


class KillsItself(Generation):
    """The first worker that has done a step dies of it."""

    def __call__(self, video_id, video):
        mark = Path(os.environ["MOMENTOR_TEST_MARK"])
        if not mark.exists():
            mark.touch()
            _ = VideoRun(video, self.out / video_id, load_backends(self.backends, self.settings, self.models), self.settings).tracks
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(video_id, video)
