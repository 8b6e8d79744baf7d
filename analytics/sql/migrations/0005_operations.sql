-- Operations: node states, what people did about incidents, judgements by catalogue, slow findings; and what incidents, jobs
-- and rollups know beyond themselves. Frozen: a change is a new file.

CREATE TABLE IF NOT EXISTS node_state (
  cluster LowCardinality(String),
  host LowCardinality(String),
  source LowCardinality(String),
  since DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  state LowCardinality(String),
  raw_state LowCardinality(String),
  reason String CODEC(ZSTD(1)),
  said_by LowCardinality(String),
  retired UInt8 CODEC(ZSTD(1)),
  gpus Nullable(UInt16) CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cluster, host, source, since)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS incident_action (
  cluster LowCardinality(String),
  incident_id String CODEC(ZSTD(1)),
  at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  action LowCardinality(String),
  said_by LowCardinality(String),
  node LowCardinality(String),
  text String CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cluster, incident_id, at, action)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS incident_judged (
  cluster LowCardinality(String),
  catalog_version LowCardinality(String),
  incident_id String CODEC(ZSTD(1)),
  class LowCardinality(String),
  cause LowCardinality(String),
  impact LowCardinality(String),
  node LowCardinality(String),
  opened_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  retired UInt8 CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cluster, catalog_version, incident_id)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS incident_run (
  cluster LowCardinality(String),
  rules LowCardinality(String),
  settled_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cluster)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS slow_finding (
  cluster LowCardinality(String),
  host LowCardinality(String),
  subject_kind LowCardinality(String),
  subject LowCardinality(String),
  metric LowCardinality(String),
  onset DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  job_id LowCardinality(String),
  slow_ratio Float64 CODEC(ZSTD(1)),
  confidence_ratio Float64 CODEC(ZSTD(1)),
  peers UInt32 CODEC(ZSTD(1)),
  retired UInt8 CODEC(ZSTD(1)),
  evidence String CODEC(ZSTD(1)),
  until Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
  gpu_hours_lost Nullable(Float64) CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cluster, host, subject, metric, onset)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS told (
  cluster LowCardinality(String),
  subject LowCardinality(String),
  source LowCardinality(String),
  day DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  since DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  until DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cluster, subject, source, day)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

ALTER TABLE job
  ADD COLUMN IF NOT EXISTS submitted_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)) AFTER wanted_end,
  ADD COLUMN IF NOT EXISTS eligible_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)) AFTER submitted_at,
  ADD COLUMN IF NOT EXISTS excluded_nodes Nullable(String) CODEC(ZSTD(1)) AFTER eligible_at;

ALTER TABLE incident
  ADD COLUMN IF NOT EXISTS element LowCardinality(Nullable(String)) AFTER period_until,
  ADD COLUMN IF NOT EXISTS nodes Nullable(String) CODEC(ZSTD(1)) AFTER element,
  ADD COLUMN IF NOT EXISTS jobs Nullable(String) CODEC(ZSTD(1)) AFTER nodes,
  ADD COLUMN IF NOT EXISTS closed_by LowCardinality(Nullable(String)) AFTER jobs,
  ADD COLUMN IF NOT EXISTS action LowCardinality(Nullable(String)) AFTER closed_by,
  ADD COLUMN IF NOT EXISTS reason Nullable(String) CODEC(ZSTD(1)) AFTER action,
  ADD COLUMN IF NOT EXISTS driver_version LowCardinality(Nullable(String)) AFTER reason,
  ADD COLUMN IF NOT EXISTS last_signal_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)) AFTER driver_version,
  ADD COLUMN IF NOT EXISTS service_lost_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)) AFTER last_signal_at,
  ADD COLUMN IF NOT EXISTS service_back_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)) AFTER service_lost_at,
  ADD COLUMN IF NOT EXISTS jobs_ended Nullable(UInt32) CODEC(ZSTD(1)) AFTER service_back_at,
  ADD COLUMN IF NOT EXISTS nodes_out Nullable(UInt32) CODEC(ZSTD(1)) AFTER jobs_ended,
  ADD COLUMN IF NOT EXISTS gap_groups_5s Nullable(UInt32) CODEC(ZSTD(1)) AFTER nodes_out,
  ADD COLUMN IF NOT EXISTS gap_groups_3min Nullable(UInt32) CODEC(ZSTD(1)) AFTER gap_groups_5s,
  ADD COLUMN IF NOT EXISTS gap_groups_15min Nullable(UInt32) CODEC(ZSTD(1)) AFTER gap_groups_3min,
  ADD COLUMN IF NOT EXISTS multi_root Nullable(UInt8) CODEC(ZSTD(1)) AFTER gap_groups_15min,
  ADD COLUMN IF NOT EXISTS in_service_before Nullable(UInt8) CODEC(ZSTD(1)) AFTER multi_root,
  ADD COLUMN IF NOT EXISTS allocated_before Nullable(UInt8) CODEC(ZSTD(1)) AFTER in_service_before,
  ADD COLUMN IF NOT EXISTS gpu_hours_lost Nullable(Float64) CODEC(ZSTD(1)) AFTER allocated_before,
  ADD COLUMN IF NOT EXISTS cost_share Nullable(Float64) CODEC(ZSTD(1)) AFTER gpu_hours_lost;

ALTER TABLE kpi_day
  ADD COLUMN IF NOT EXISTS node_minutes_told Nullable(UInt32) CODEC(ZSTD(1)) AFTER gpus_seen_last,
  ADD COLUMN IF NOT EXISTS gpu_minutes_drained Nullable(UInt64) CODEC(ZSTD(1)) AFTER node_minutes_told,
  ADD COLUMN IF NOT EXISTS gpu_minutes_planned Nullable(UInt64) CODEC(ZSTD(1)) AFTER gpu_minutes_drained,
  ADD COLUMN IF NOT EXISTS gpu_minutes_allocation_known Nullable(UInt64) CODEC(ZSTD(1)) AFTER gpu_minutes_planned;
