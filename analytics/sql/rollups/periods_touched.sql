-- Days that rows stored since a moment belong to, counted from 1970.
SELECT DISTINCT intDiv(toUnixTimestamp64Milli(day), {step_ms:UInt32}) AS number
FROM kpi_touched(
  cluster = '', stored_since = {stored_since:DateTime64(3, 'UTC')}, since = {since:DateTime64(3, 'UTC')},
  until = {until:DateTime64(3, 'UTC')})
ORDER BY number
