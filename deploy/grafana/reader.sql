-- A user for Grafana that can read and nothing else, under the bounds of clusterctl's own reports
-- (store.report_timeout_s, store.report_memory_bytes). Run it once as an administrator, with a password of your own:
--   clickhouse-client --param_password="$CLICKHOUSE_PASSWORD" < reader.sql
-- Made by docs/generate.py. readonly 2: the data source plugin sets how its queries run, and may; MAX keeps it within bounds.
CREATE SETTINGS PROFILE IF NOT EXISTS clusterctl_reader SETTINGS
  readonly = 2,
  max_execution_time = 60 MAX 60,
  max_memory_usage = 4294967296 MAX 4294967296,
  max_result_rows = 100000 MAX 100000;
CREATE USER IF NOT EXISTS clusterctl_reader IDENTIFIED WITH sha256_password BY {password:String} SETTINGS PROFILE 'clusterctl_reader';
GRANT SELECT ON clusterctl.* TO clusterctl_reader;
