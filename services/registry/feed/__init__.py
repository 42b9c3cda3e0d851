"""The console's feed: what all chargers look like now, and then each change."""
