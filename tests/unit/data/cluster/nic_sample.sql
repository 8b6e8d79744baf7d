CREATE TABLE IF NOT EXISTS nic_sample_local ON CLUSTER `fleet` (
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toDate(ts)
ORDER BY (cluster, host, port, ts)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS nic_sample ON CLUSTER `fleet` AS nic_sample_local
ENGINE = Distributed('fleet', 'clusterctl', 'nic_sample_local', cityHash64(host));

ALTER TABLE nic_sample_local ON CLUSTER `fleet`
  ADD COLUMN IF NOT EXISTS port_state Nullable(UInt8) CODEC(ZSTD(1)) AFTER saturated_mask,
  ADD COLUMN IF NOT EXISTS phys_state Nullable(UInt8) CODEC(ZSTD(1)) AFTER port_state,
  ADD COLUMN IF NOT EXISTS lanes Nullable(UInt8) CODEC(ZSTD(1)) AFTER phys_state;

ALTER TABLE nic_sample ON CLUSTER `fleet`
  ADD COLUMN IF NOT EXISTS port_state Nullable(UInt8) CODEC(ZSTD(1)) AFTER saturated_mask,
  ADD COLUMN IF NOT EXISTS phys_state Nullable(UInt8) CODEC(ZSTD(1)) AFTER port_state,
  ADD COLUMN IF NOT EXISTS lanes Nullable(UInt8) CODEC(ZSTD(1)) AFTER phys_state;
