"""How much a process has to say at ``/metrics``, and how long that takes."""
