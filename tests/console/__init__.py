"""The operator's console in a real Chromium, at a whole hub."""
