-- slow/clusters: clusters that jobs are known of.
SELECT DISTINCT cluster FROM job ORDER BY cluster
