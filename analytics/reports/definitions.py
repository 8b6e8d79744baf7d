"""What the words of a report mean: printed with it, so that a number never travels without its rule."""

DEFINITIONS = (
    "fault: unplanned incident attributed to the infrastructure (hardware, driver or firmware, network, storage, "
    "facility, unplanned maintenance) that ended a job, took a node out of service, or made a GPU unusable until a repair",
    "incident: error episodes (5 s gaps), job ends within 10 minutes before and 5 after, drains and silences of one node or "
    "fabric element, open until every root is back in service, or 24 h pass without another; 32 nodes of one switch are one",
    "interruption: unexpected end of a job, software, user and unknown causes included: the rule of published training "
    "reports; where no scheduler told of jobs every incident is taken for one",
    "rate: per 1000 GPU-days, with the Garwood exact two-sided 95 % interval; where faults come in clusters (phi over 1, "
    "p under 0.01) the interval is widened by phi, and that one binds",
    "unattributed: a code that needs a second sign and had none, symptoms alone, an outcome label alone; never spread over "
    "the known causes, and counted by the verdict",
    "in_service: GPU time schedulable or allocated; capacity: all installed; allocated: held by jobs, "
    "unknown without a scheduler",
    "verdict: below needs the upper limit, with every unattributed incident counted, at or under the target; above "
    "needs the lower limit over it; a point estimate is not a verdict",
    "lemon: a node with more faults than the rate of all others explains, after Benjamini-Hochberg at 0.05",
    "telemetry gap: a node that fell silent; a candidate, not a fault, until a job end or a drain joins it",
    "0.16: a claim whose definition, period and fleet are unpublished; 0.48: three times that claim",
)
