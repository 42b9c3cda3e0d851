"""The whole hub on one machine, to play with and to develop on: what `make up` runs."""
