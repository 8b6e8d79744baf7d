"""Grafana dashboards, built in code; their panels run the same SQL files as the report."""
