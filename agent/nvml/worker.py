"""The NVML process: answers requests on standard input, one frame each, until its parent closes the pipe.

`python -m clusterctl.agent.nvml.worker STALL_S`. Requests are `["sample", LEVEL]` and `["inventory"]`; the first answer says
whether there is an NVML at all. Only lanes talk to GPUs, so this thread answers whatever a GPU does. An answer
`{"gone": CODE}` means that the driver was unloaded: this process can only end. Nothing else may go to standard output.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from clusterctl.agent.nvml.gpu import DriverGone
from clusterctl.agent.nvml.lanes import Lanes
from clusterctl.agent.nvml.library import NvmlUnavailable
from clusterctl.agent.nvml.session import Session
from clusterctl.frames import read_frame, write_frame


def main() -> None:
    """Serve until end of file."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints must not stand between two frames
    lanes = Lanes(float(sys.argv[1]))
    try:
        session = Session(lanes)  # may hang in nvmlInit: the parent's deadline for the first answer is for that
    except NvmlUnavailable as error:
        write_frame(sink, {"missing": str(error)})
        return
    gc.collect()
    gc.freeze()  # pynvml's thousands of names stay: no need to look through them for garbage again and again
    write_frame(sink, {"driver_version": session.driver_version})
    while True:
        try:
            write_frame(sink, _answer(session, read_frame(source)))
        except (EOFError, BrokenPipeError):
            break
    os._exit(0)  # a lane that sits in the driver must not keep us: neither threads nor the library are waited for


def _answer(session: Session, request: list[Any]) -> dict[str, Any]:
    try:
        return session.inventory() if request[0] == "inventory" else session.sample(int(request[1]))
    except DriverGone as error:
        return {"gone": str(error)}


if __name__ == "__main__":
    main()
