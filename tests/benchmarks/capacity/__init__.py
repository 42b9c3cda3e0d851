"""What ``docs/capacity.md`` predicts for 1,000, 10,000 and 50,000 devices, measured.

Half chargers, half widgets, each kind with gateways of its own; one router. First nobody says
anything, then each charger reports every 10 s. As long each time as a ping interval, so that
every device is pinged once.
"""
