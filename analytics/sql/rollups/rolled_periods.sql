-- Hours or days that a rollup has rows of, counted from 1970.
SELECT DISTINCT intDiv(toUnixTimestamp64Milli({period:Identifier}), {step_ms:UInt32}) AS number
FROM {rollup:Identifier} FINAL
WHERE {period:Identifier} >= {since:DateTime64(3, 'UTC')} AND {period:Identifier} < {until:DateTime64(3, 'UTC')} AND retired = 0
ORDER BY number
