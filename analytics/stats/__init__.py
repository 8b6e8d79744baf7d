"""Every statistic of the reports, pure: numbers in, numbers out. Formulas and worked examples in docs/kpi.md."""

from clusterctl.analytics.stats.rates import CONFIDENCE as CONFIDENCE
from clusterctl.analytics.stats.rates import PER as PER
from clusterctl.analytics.stats.rates import Interval as Interval
from clusterctl.analytics.stats.rates import Rate as Rate
from clusterctl.analytics.stats.rates import Tally as Tally
from clusterctl.analytics.stats.rates import Units as Units
from clusterctl.analytics.stats.rates import garwood as garwood
from clusterctl.analytics.stats.rates import rate_of as rate_of
from clusterctl.analytics.stats.rates import scaled as scaled
from clusterctl.analytics.stats.verdicts import ABOVE as ABOVE
from clusterctl.analytics.stats.verdicts import BELOW as BELOW
from clusterctl.analytics.stats.verdicts import NOT_ATTRIBUTED as NOT_ATTRIBUTED
from clusterctl.analytics.stats.verdicts import NOT_COVERED as NOT_COVERED
from clusterctl.analytics.stats.verdicts import NOT_EXPOSED as NOT_EXPOSED
from clusterctl.analytics.stats.verdicts import Verdict as Verdict
from clusterctl.analytics.stats.verdicts import total_at_rate as total_at_rate
from clusterctl.analytics.stats.verdicts import verdict_of as verdict_of
