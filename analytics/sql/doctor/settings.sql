-- Settings that delivery and the limits on parts depend on, as they hold for this user.
SELECT name, value FROM system.merge_tree_settings WHERE name IN ('parts_to_delay_insert', 'parts_to_throw_insert')
UNION ALL
SELECT name, value FROM system.settings WHERE name IN ('async_insert', 'readonly', 'wait_for_async_insert')
UNION ALL
SELECT name, value FROM system.server_settings WHERE name = 'max_server_memory_usage'
