"""How much a value can be trusted, and why it is not trusted more: the words that people and programs read."""

from __future__ import annotations

from enum import Enum


class Grade(Enum):
    """One scale for every exposed-communication value, best first."""

    EXACT = "exact"
    """From a trace."""
    A = "A"
    """Telemetry with the signature of this job from one of its traces."""
    B = "B"
    """Telemetry, bursts visible, no local traffic between them."""
    C = "C"
    """Telemetry, bursts visible, but communication may hide between them."""
    D = "D"
    """Telemetry and what compute usually looks like: bounds only."""

    @property
    def has_point(self) -> bool:
        """Whether a single value may be printed; the others have their interval only."""
        return self in (Grade.EXACT, Grade.A, Grade.B)

    def worse(self, other: Grade) -> Grade:
        """The worse of the two."""
        order = list(Grade)
        return max(self, other, key=order.index)


class Reason(Enum):
    """Why there is no value, or no better grade. The value is what a person reads."""

    # no value
    NO_SAMPLES = "nothing was read"
    FEW_SAMPLES = "fewer than 30 samples with readings"
    FEW_STEPS = "fewer than three steps in the window"
    MOSTLY_IDLE = "the GPU had a kernel resident for less than 30 % of the time"
    COPY_ENGINE = "links are busy while no kernel is resident: copy engine or RDMA-only communication leaves no sign"
    ALIKE = "compute and communication look too much alike: small kernels"
    # no better grade
    CALIBRATED = "signature of this job from a trace"
    BURSTS = "bursts of communication are longer than a sample, and nothing moves between them"
    NO_GPM = "no SM activity (GPM): power only"
    NOT_RESOLVED = "communication is shorter than a sample: the level of compute is assumed"
    FINE_TRAFFIC = "local links are busy between the bursts: communication may hide there"
    FINE_LAYOUT = "tensor or expert parallel: communication between the bursts is expected"
    NO_LOCAL_LINK = "no reading of NVLink or PCIe: what moves between the bursts is unknown"
    COMM_ASSUMED = "no sample lies wholly in a burst: the level of communication is assumed"
    SMALL_KERNELS = "SM activity is low on average: small kernels would look like communication"
    CALIBRATION_AGED = "the calibration is too old"
    CALIBRATION_OTHER = "the calibration is of another job, image or parallel layout"
    CALIBRATION_WORLD = "the number of ranks changed since calibration"
    CALIBRATION_TENSOR = "tensor activity per SM activity moved by more than 2 % since calibration"
    CALIBRATION_CLOCK = "the SM clock moved by more than 2 % since calibration"
    CALIBRATION_FAR = "the calibration does not fit these readings"
