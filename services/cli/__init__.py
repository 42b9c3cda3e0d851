"""The operator's command line: everything the REST API can, from a terminal."""
