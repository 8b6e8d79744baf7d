"""The NVML process: answers requests on standard input, one frame each, until its parent closes the pipe.

`python -m clusterctl.agent.nvml_worker`. Requests are `["sample"]` and `["inventory"]`; the first answer says whether there
is an NVML at all. Nothing else may be printed to standard output.
"""

from __future__ import annotations

import sys
from typing import Any

from clusterctl.agent.nvml import Nvml, NvmlUnavailable
from clusterctl.frames import read_frame, write_frame


def main() -> None:
    """Serve until end of file."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    try:
        nvml = Nvml()
    except NvmlUnavailable as error:
        write_frame(sink, {"missing": str(error)})
        return
    write_frame(sink, {"driver_version": nvml.driver_version})
    while True:
        try:
            request = read_frame(source)
        except EOFError:
            return
        write_frame(sink, _answer(nvml, request[0]))


def _answer(nvml: Nvml, request: str) -> dict[str, Any]:
    if request == "inventory":
        return {"gpus": nvml.inventory()}
    samples = nvml.sample()
    return {"samples": samples, "events": nvml.events(), "lost": nvml.lost}


if __name__ == "__main__":
    main()
