"""The REST API, one file for each kind of thing. Only this folder and `api` know HTTP."""
