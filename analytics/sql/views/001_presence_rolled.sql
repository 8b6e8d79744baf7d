-- Up to where kpi_day can stand for presence: days that closed before the last pass, but for the nodes whose rows were stored
-- after it looked. Without a pass both are 1970, and nothing is taken from the rollup.
CREATE OR REPLACE VIEW presence_rolled AS
SELECT max(until) AS closed, max(settled_at) AS settled
FROM rollup_run FINAL
WHERE rollup = 'kpi_day' AND scope = 'pass';
