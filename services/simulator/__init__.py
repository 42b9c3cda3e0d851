"""The simulator: chargers and widgets as programs, one by hand or many at once."""
