-- The oldest row that a table still has.
SELECT minOrNull(ts) AS oldest FROM {source:Identifier}
