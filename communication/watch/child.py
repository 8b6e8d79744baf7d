"""The process that reads: an errand on standard input, its answer on standard output. It may take so much memory and time,
and what it cannot do within them it says, or dies of: the watching process lives on."""

from __future__ import annotations

import ctypes
import resource
import signal
import sys

from clusterctl.communication.watch.errand import encode, errand_of

OUT_OF_MEMORY = 77
MAX_OUTPUT_BYTES = 128 << 20
PR_SET_PDEATHSIG = 1


def main() -> int:
    """Exit code 0, or OUT_OF_MEMORY."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody would hear the answer
    errand = errand_of(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_OUTPUT_BYTES, MAX_OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (errand.time_s, errand.time_s + 1))
    resource.setrlimit(resource.RLIMIT_AS, (errand.memory_bytes, errand.memory_bytes))
    try:
        from clusterctl.communication.watch.reader import Reader

        sys.stdout.buffer.write(encode(Reader(errand).answer()))
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


if __name__ == "__main__":
    sys.exit(main())
