-- GPU-days that agents watched, on the three bases, from node-minutes. A minute whose state is unknown is in none of them.
-- allocated is missing where no scheduler said anything.
SELECT
  sum(days.node_minutes) AS node_minutes,
  minOrNull(days.first_minute) AS first_minute,
  sum(days.in_service) / 1440 AS in_service,
  sum(days.known) / 1440 AS capacity,
  sum(days.allocated) / 1440 AS allocated,
  (sum(days.expected) - sum(days.known)) / 1440 AS unknown_state
FROM node_day_between(
  cluster = {cluster:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS days
