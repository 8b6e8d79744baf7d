-- Batches of samples, wherever their rows went. Numbers are per host and boot.
CREATE OR REPLACE VIEW sample_batch AS
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM gpu_sample
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM nic_sample
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM host_sample
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM gpu_link_sample
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM gpu_health
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM nvlink_sample
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM mig_sample
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM nic_link_sample
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM nic_health
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM disk_sample
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM filesystem_sample
UNION ALL
SELECT cluster, host, boot_id, seq, ts, ingested_at FROM job_mark;
