"""What reading a published message costs: our connection, and two layers of redis-py.

CPU of one process, in which one connection publishes and another one reads; what the
publishing costs is measured by itself and taken off.
"""
