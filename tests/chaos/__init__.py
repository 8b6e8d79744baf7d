"""Seeded faults over real agents, collectors, a real broker and a real server; docs/chaos.md says what is promised."""
