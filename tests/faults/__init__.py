"""Real faults in real processes, and a checker that judges every light: ``make faults``."""
