"""What the words of a report mean: printed with it, so that a number never travels without its rule."""

DEFINITIONS = (
    "fault: unplanned incident attributed to the infrastructure (hardware, driver or firmware, network, storage, "
    "facility, unplanned maintenance)",
    "impact: an incident from error codes is taken to have ended a job or cost a node; it is not checked against "
    "a scheduler yet",
    "interruption: every unplanned incident, software, user and unknown included: the rule of published training reports",
    "rate: per 1000 GPU-days, with the Garwood exact two-sided 95 % interval of a Poisson count",
    "the interval takes faults as independent; that they come in clusters is not tested yet, and widens it",
    "failures without an Xid (panic, uncorrected memory error, dead disk or NIC) count as unattributed",
    "in_service: GPU time schedulable or allocated; capacity: all installed; allocated: held by jobs, "
    "unknown without a scheduler",
    "verdict: below needs the upper limit, with every unattributed incident counted, at or under the target; above "
    "needs the lower limit over it; a point estimate is not a verdict",
    "0.16: a claim whose definition, period and fleet are unpublished; 0.48: three times that claim",
    "incident: error episodes of one node, 5 s gaps, joined until 24 h pass without another",
)
