-- What people did about incidents: of one, if it is named, or on one root, else everything; in order of time.
SELECT incident_id, at, action, said_by, node AS root, text AS words
FROM incident_action FINAL
WHERE ({cluster:String} = '' OR cluster = {cluster:String})
  AND ({name:String} = '' OR incident_id = {name:String})
  AND ({root:String} = '' OR node = {root:String})
ORDER BY at, action, incident_id
LIMIT {top:UInt32}
