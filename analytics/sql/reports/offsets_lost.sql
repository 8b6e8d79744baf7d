-- Messages that the bus deleted before a collector read them, in gaps that ended in the window. Whose rows they carried nobody
-- knows, so that the report of every cluster shows them. A gap that grew while nobody accepted it counts once, at its largest.
SELECT sum(lost) AS messages_lost, count() AS gaps
FROM (
  SELECT max(count) AS lost
  FROM event FINAL
  WHERE kind = 'offsets_lost' AND source = 'collector'
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  GROUP BY code, source_seq, JSONExtractString(fields, 'bus')
)
