-- The same of an export that has neither numbers of texts nor threads.
SELECT start, "end", text, NULL FROM NVTX_EVENTS WHERE "end" IS NOT NULL
