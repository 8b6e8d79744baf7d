"""Is the pipeline between agent and report in order, and what is to be done where it is not.

A check is a reader of facts and a pure function that judges them, declared once by `registry.check`; `run` gives each a
thread and a deadline, `page` shows what was found. docs/doctor.md is made from the declarations.
"""
