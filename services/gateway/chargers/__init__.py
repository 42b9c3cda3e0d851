"""The source side: readings of the chargers connected here."""
