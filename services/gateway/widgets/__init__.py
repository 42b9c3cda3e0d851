"""The showing side: statuses of the widgets connected here."""
