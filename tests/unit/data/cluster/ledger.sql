CREATE TABLE IF NOT EXISTS schema_migration ON CLUSTER `fleet` (
  number UInt32, name String, sha256 String, applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}') ORDER BY number;
