-- Copies between memories; kind 10 is from GPU to GPU.
SELECT start, "end", deviceId, copyKind FROM CUPTI_ACTIVITY_KIND_MEMCPY
