"""NVML, in a process of its own: `worker` is that process, `library` the one importer of pynvml, `fields` what is asked."""
