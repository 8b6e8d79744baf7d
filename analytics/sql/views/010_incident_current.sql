-- Incidents that stand, one row each, with the domain that decides which lines of a report count them.
-- infrastructure is the headline; unknown is the "unattributed" of the verdict. The classes are listed here and nowhere else.
CREATE OR REPLACE VIEW incident_current AS
SELECT *,
  multiIf(
    class IN ('hardware', 'driver', 'network', 'storage', 'facility', 'maintenance'), 'infrastructure',
    class = 'software', 'software',
    class = 'user', 'user',
    class = 'planned', 'planned',
    'unknown') AS domain
FROM incident FINAL
WHERE retired = 0;
