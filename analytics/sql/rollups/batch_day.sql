-- batch_day: one UTC day of some hosts of a cluster. Numbers that follow each other are one run.
INSERT INTO batch_day (cluster, host, boot_id, day, batches, batches_lost, seq_from, seq_until, retired, version)
SELECT
  {cluster:String}, host, boot_id, {since:DateTime64(3, 'UTC')}, length(seqs), seqs[-1] - seqs[1] + 1 - length(seqs),
  arrayFilter((is, was) -> is != was + 1, seqs, arrayPushFront(arrayPopBack(seqs), seqs[1])),
  arrayMap(last -> last + 1, arrayFilter((is, next) -> next != is + 1, seqs, arrayPushBack(arrayPopFront(seqs), seqs[-1]))),
  0, {version:UInt64}
FROM (
  SELECT host, boot_id, arraySort(groupUniqArray(seq)) AS seqs
  FROM sample_batch
  WHERE cluster = {cluster:String} AND host IN (SELECT arrayJoin(JSONExtract({hosts:String}, 'Array(String)')))
    AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
  GROUP BY host, boot_id
)
