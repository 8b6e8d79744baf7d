CREATE TABLE IF NOT EXISTS incident ON CLUSTER `fleet` (
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}', version)
ORDER BY (cluster, incident_id)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;
