-- Communication: what traces, logs and telemetry say of jobs, and the signatures learned of them. Frozen: a change is a new file.

CREATE TABLE IF NOT EXISTS collective (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  until DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  job_id LowCardinality(String),
  source LowCardinality(String),
  scope LowCardinality(String),
  grade LowCardinality(String),
  reason String CODEC(ZSTD(1)),
  window LowCardinality(String),
  ts_source LowCardinality(String),
  layout LowCardinality(String),
  gpu_model LowCardinality(String),
  total_mark LowCardinality(String),
  late String CODEC(ZSTD(1)),
  fields String CODEC(ZSTD(1)),
  rank UInt32 CODEC(ZSTD(1)),
  ranks Nullable(UInt32) CODEC(ZSTD(1)),
  world_size Nullable(UInt32) CODEC(ZSTD(1)),
  steps Nullable(UInt32) CODEC(ZSTD(1)),
  step_us Nullable(UInt64) CODEC(ZSTD(1)),
  window_ns Nullable(UInt64) CODEC(ZSTD(1)),
  compute_ns Nullable(UInt64) CODEC(ZSTD(1)),
  comm_ns Nullable(UInt64) CODEC(ZSTD(1)),
  exposed_ns Nullable(UInt64) CODEC(ZSTD(1)),
  overlap_ns Nullable(UInt64) CODEC(ZSTD(1)),
  memory_ns Nullable(UInt64) CODEC(ZSTD(1)),
  idle_ns Nullable(UInt64) CODEC(ZSTD(1)),
  fused_ns Nullable(UInt64) CODEC(ZSTD(1)),
  wait_ns Nullable(UInt64) CODEC(ZSTD(1)),
  exposed_wait_ns Nullable(UInt64) CODEC(ZSTD(1)),
  exposed_ratio Nullable(Float64) CODEC(ZSTD(1)),
  exposed_low_ratio Nullable(Float64) CODEC(ZSTD(1)),
  exposed_high_ratio Nullable(Float64) CODEC(ZSTD(1)),
  total_ratio Nullable(Float64) CODEC(ZSTD(1)),
  moving_ratio Nullable(Float64) CODEC(ZSTD(1)),
  silent_ratio Nullable(Float64) CODEC(ZSTD(1)),
  busbw_gbs Nullable(Float64) CODEC(ZSTD(1)),
  comm_sm_ratio Nullable(Float64) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (cluster, job_id, source, ts, scope, host, rank)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS comm_calibration (
  cluster LowCardinality(String),
  job_id LowCardinality(String),
  layout LowCardinality(String),
  world_size UInt32 CODEC(ZSTD(1)),
  at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  ranks UInt32 CODEC(ZSTD(1)),
  calibration String CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cluster, job_id, layout, world_size, at)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;
