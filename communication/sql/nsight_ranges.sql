-- NVTX ranges that may mark steps: the text itself, or the number of one.
SELECT start, "end", coalesce(text, (SELECT value FROM StringIds WHERE id = textId)), globalTid
FROM NVTX_EVENTS
WHERE "end" IS NOT NULL
