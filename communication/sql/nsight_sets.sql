-- Memory that is set to a value.
SELECT start, "end", deviceId, 0 FROM CUPTI_ACTIVITY_KIND_MEMSET
