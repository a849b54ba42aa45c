"""The demo: source servers, seeding, the supervisor and the summary."""
