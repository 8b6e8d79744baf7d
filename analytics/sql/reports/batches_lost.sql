-- Batches of samples that never arrived: numbers missing between the first and the last of each host and boot. Events are not
-- counted so: a minute's preliminary row is replaced by its final one, and takes its number with it.
SELECT sum(missing) AS batches_lost, sum(arrived) AS batches_arrived
FROM (
  SELECT host, boot_id, lane, uniqExact(seq) AS arrived, max(seq) - min(seq) + 1 - arrived AS missing
  FROM (
    SELECT host, boot_id, seq, 'samples' AS lane FROM host_sample
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM nic_sample
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM gpu_sample
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM gpu_link_sample
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM gpu_health
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM nvlink_sample
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM mig_sample
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM nic_link_sample
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM nic_health
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM disk_sample
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM filesystem_sample
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT host, boot_id, seq, 'samples' AS lane FROM job_mark
    WHERE cluster = {cluster:String} AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  )
  GROUP BY host, boot_id, lane
)
