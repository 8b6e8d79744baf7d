-- Real tables only: a view or virtual table of the same name could make us work without end.
SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'
