-- Codecs by measurement (docs/storage.md). Only how new parts and merges are written changes: no row is rewritten here, and
-- old parts are read as they are. Frozen: a change is a new file.

ALTER TABLE gpu_sample
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS sm_clock_mhz Nullable(UInt16) CODEC(GCD, T64, ZSTD(1)),
  MODIFY COLUMN IF EXISTS throttle_mask Nullable(UInt64) CODEC(T64, ZSTD(1)),
  MODIFY COLUMN IF EXISTS memory_used_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  MODIFY COLUMN IF EXISTS memory_util_ratio Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS graphics_active_ratio Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS sm_active_ratio Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS sm_occupancy_ratio Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS tensor_active_ratio Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS dram_active_ratio Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS pcie_tx_bytes_per_s Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS pcie_rx_bytes_per_s Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS nvlink_rx_bytes_per_s Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS nvlink_tx_bytes_per_s Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS nvml_latency_us Nullable(UInt32) CODEC(GCD, T64, ZSTD(1)),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE gpu_sample MODIFY SETTING min_compress_block_size = 262144;

ALTER TABLE nic_sample
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE host_sample
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS cpu_busy_ratio Nullable(Float32) CODEC(ZSTD(3)),
  MODIFY COLUMN IF EXISTS memory_available_bytes Nullable(UInt64) CODEC(T64('bit'), ZSTD(1)),
  MODIFY COLUMN IF EXISTS root_used_ratio Nullable(Float32) CODEC(FPC(12), ZSTD(1)),
  MODIFY COLUMN IF EXISTS root_latency_us Nullable(UInt32) CODEC(T64, ZSTD(1)),
  MODIFY COLUMN IF EXISTS uptime_s Nullable(UInt32) CODEC(Delta, ZSTD(1)),
  MODIFY COLUMN IF EXISTS spool_bytes Nullable(UInt64) CODEC(Delta, ZSTD(1)),
  MODIFY COLUMN IF EXISTS procs_blocked Nullable(UInt32) CODEC(T64, ZSTD(1)),
  MODIFY COLUMN IF EXISTS procs_running Nullable(UInt32) CODEC(T64, ZSTD(1)),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE gpu_link_sample
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE gpu_health
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE nvlink_sample
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE mig_sample
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE nic_link_sample
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE nic_health
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE disk_sample
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE filesystem_sample
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));

ALTER TABLE job_mark
  MODIFY COLUMN IF EXISTS seq UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS bus_offset UInt64 CODEC(Delta, ZSTD(3)) SETTINGS (min_compress_block_size = 4194304, max_compress_block_size = 4194304),
  MODIFY COLUMN IF EXISTS ingested_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1));
