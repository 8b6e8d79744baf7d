"""Share of a job's time that goes to communication, from traces and logs that jobs leave behind: docs/communication.md."""
