-- GPU kernels of an Nsight Systems export, times in ns. The short name of an expert-parallel kernel is only "dispatch".
SELECT start, "end", deviceId, demangledName FROM CUPTI_ACTIVITY_KIND_KERNEL
