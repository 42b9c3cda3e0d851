"""What attacks on the door cost honest devices and operators, and how much of it is only CPU.

Each attack is one process, as fast as it can be: `tests/e2e/door`. It shares the processors with
the hub, so some of what others notice comes from that alone. So each attack is compared with a
control: the same process uses as much CPU as it did in the attack, and leaves the hub alone.
"""
