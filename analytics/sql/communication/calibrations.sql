-- communication/calibrations: the newest signature of each job and configuration.
SELECT job_id, layout, world_size, max(comm_calibration.at) AS at, argMax(calibration, comm_calibration.at) AS kept
FROM comm_calibration FINAL
WHERE cluster = {cluster:String} AND comm_calibration.at < {until:DateTime64(3, 'UTC')}
GROUP BY job_id, layout, world_size
ORDER BY job_id, layout, world_size
LIMIT 100000
