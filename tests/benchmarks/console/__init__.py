"""The console's wall in a real Chromium, with a feed that was recorded: no hub is there.

The browser's processor is slowed to a quarter, as that of a cheap tablet. Each scene is shown in
turn, and beside them one in which nothing changes: what is late there, the machine makes late.
"""
