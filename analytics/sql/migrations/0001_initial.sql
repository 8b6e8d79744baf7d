-- The tables of schema version 1. Frozen: a change is a new file.

CREATE TABLE IF NOT EXISTS gpu_sample (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  gpu_uuid LowCardinality(String),
  gpu_index UInt8 CODEC(ZSTD(1)),
  pci LowCardinality(String),
  power_mw Nullable(UInt32) CODEC(T64, ZSTD(1)),
  energy_mj Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  temp_c Nullable(Int16) CODEC(ZSTD(1)),
  memory_temp_c Nullable(Int16) CODEC(ZSTD(1)),
  temp_margin_c Nullable(Int16) CODEC(ZSTD(1)),
  sm_clock_mhz Nullable(UInt16) CODEC(ZSTD(1)),
  memory_clock_mhz Nullable(UInt16) CODEC(ZSTD(1)),
  throttle_mask Nullable(UInt64) CODEC(ZSTD(1)),
  util_ratio Nullable(Float32) CODEC(ZSTD(1)),
  memory_used_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  memory_total_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  ecc_corrected Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ecc_uncorrected Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  remap_pending Nullable(UInt8) CODEC(ZSTD(1)),
  remap_failed Nullable(UInt8) CODEC(ZSTD(1)),
  recovery_action Nullable(UInt8) CODEC(ZSTD(1)),
  pcie_replays Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, gpu_uuid, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS nic_sample (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  port LowCardinality(String),
  link_layer LowCardinality(String),
  pci LowCardinality(String),
  link_up Nullable(UInt8) CODEC(ZSTD(1)),
  rate_mbps Nullable(UInt32) CODEC(ZSTD(1)),
  carrier_changes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  rx_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  tx_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  rx_packets Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  tx_packets Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  rx_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  tx_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  rx_dropped Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  tx_dropped Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  rx_crc_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  symbol_error Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  link_error_recovery Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  link_downed Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  port_rcv_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  port_xmit_discards Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  port_xmit_wait Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  local_link_integrity_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  excessive_buffer_overrun_errors Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  saturated_mask Nullable(UInt32) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, port, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS host_sample (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  period_ms UInt32 CODEC(ZSTD(1)),
  cpu_busy_ratio Nullable(Float32) CODEC(ZSTD(1)),
  load_1m Nullable(Float32) CODEC(ZSTD(1)),
  memory_total_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  memory_available_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  swap_used_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  disk_read_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  disk_write_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  disk_busy_ms Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  root_used_ratio Nullable(Float32) CODEC(ZSTD(1)),
  root_latency_us Nullable(UInt32) CODEC(ZSTD(1)),
  psi_cpu_some_us Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  psi_memory_full_us Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  psi_io_full_us Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  temp_max_c Nullable(Int16) CODEC(ZSTD(1)),
  uptime_s Nullable(UInt32) CODEC(ZSTD(1)),
  agent_cpu_ms Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  agent_rss_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  spool_bytes Nullable(UInt64) CODEC(ZSTD(1)),
  spool_lost_batches Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  ticks_missed Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (cluster, host, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS event (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  last_ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  count UInt32 CODEC(ZSTD(1)),
  kind LowCardinality(String),
  code LowCardinality(String),
  severity LowCardinality(String),
  source LowCardinality(String),
  source_seq UInt64 CODEC(Delta, ZSTD(1)),
  pci LowCardinality(String),
  gpu_uuid LowCardinality(String),
  process LowCardinality(String),
  driver_version LowCardinality(String),
  ts_source LowCardinality(String),
  text String CODEC(ZSTD(1)),
  fields String CODEC(ZSTD(1)),
  pid Nullable(Int32) CODEC(ZSTD(1)),
  job_id Nullable(String) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (cluster, host, ts, source, boot_id, source_seq, kind, code)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS inventory (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  subject_kind LowCardinality(String),
  subject LowCardinality(String),
  model LowCardinality(String),
  serial LowCardinality(String),
  pci LowCardinality(String),
  firmware LowCardinality(String),
  driver_version LowCardinality(String),
  rack LowCardinality(String),
  fields String CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (cluster, host, subject_kind, subject, ts)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS presence (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  gpus_expected UInt16 CODEC(ZSTD(1)),
  ticks_expected UInt16 CODEC(ZSTD(1)),
  ticks_done UInt16 CODEC(ZSTD(1)),
  log_records_lost UInt32 CODEC(ZSTD(1)),
  node_state LowCardinality(String),
  blind LowCardinality(String),
  gpus_seen Nullable(UInt16) CODEC(ZSTD(1)),
  gpus_in_service Nullable(UInt16) CODEC(ZSTD(1)),
  gpus_allocated Nullable(UInt16) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (cluster, host, ts)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS job (
  cluster LowCardinality(String),
  host LowCardinality(String),
  boot_id LowCardinality(String),
  seq UInt64 CODEC(Delta, ZSTD(1)),
  ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  job_id LowCardinality(String),
  owner LowCardinality(String),
  scheduler LowCardinality(String),
  gpus UInt16 CODEC(ZSTD(1)),
  end_state LowCardinality(String),
  ended_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
  exit_code Nullable(Int32) CODEC(ZSTD(1)),
  wanted_end Nullable(UInt8) CODEC(ZSTD(1)),
  schema_version UInt16 CODEC(ZSTD(1)),
  bus_partition UInt16 CODEC(ZSTD(1)),
  bus_offset UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (cluster, job_id, host, ts)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS incident (
  cluster LowCardinality(String),
  incident_id String CODEC(ZSTD(1)),
  source LowCardinality(String),
  class LowCardinality(String),
  cause LowCardinality(String),
  category LowCardinality(String),
  impact LowCardinality(String),
  count UInt32 CODEC(ZSTD(1)),
  opened_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  dated UInt8 CODEC(ZSTD(1)),
  node LowCardinality(String),
  gpu LowCardinality(String),
  repeat_of String CODEC(ZSTD(1)),
  nodes_affected UInt32 CODEC(ZSTD(1)),
  episodes UInt32 CODEC(ZSTD(1)),
  signals UInt32 CODEC(ZSTD(1)),
  evidence String CODEC(ZSTD(1)),
  catalog_version LowCardinality(String),
  note String CODEC(ZSTD(1)),
  retired UInt8 CODEC(ZSTD(1)),
  closed_at Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
  period_until Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cluster, incident_id)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS exposure (
  cluster LowCardinality(String),
  source LowCardinality(String),
  gpu LowCardinality(String),
  node LowCardinality(String),
  since DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  until DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  gpus UInt32 CODEC(ZSTD(1)),
  all_bases UInt8 CODEC(ZSTD(1)),
  divisible UInt8 CODEC(ZSTD(1)),
  retired UInt8 CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cluster, source, gpu, node, since)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS poisson_limit (
  k UInt32 CODEC(ZSTD(1)),
  low Nullable(Float64) CODEC(ZSTD(1)),
  high Nullable(Float64) CODEC(ZSTD(1)),
  version UInt64 CODEC(ZSTD(1)),
  ingested_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (k)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;
