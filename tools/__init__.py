"""How the services get to run: on a developer's machine, in tests, in containers."""
