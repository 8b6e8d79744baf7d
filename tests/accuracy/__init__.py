"""The product judged by fleets whose truth is known: `python -m tests.accuracy`, docs/accuracy.md."""
