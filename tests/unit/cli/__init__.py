"""Tests of the command line, against a registry that answers what it is told to."""
