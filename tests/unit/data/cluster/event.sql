CREATE TABLE IF NOT EXISTS event_local ON CLUSTER `fleet` (
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(ts)
ORDER BY (cluster, host, ts, source, boot_id, source_seq, kind, code)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS event ON CLUSTER `fleet` AS event_local
ENGINE = Distributed('fleet', 'clusterctl', 'event_local', cityHash64(host));
