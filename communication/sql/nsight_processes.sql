-- Which process used which GPU. Old exports do not tell.
SELECT DISTINCT deviceId, globalPid FROM CUPTI_ACTIVITY_KIND_KERNEL
