"""The operator's console: a web page, and the files that it consists of."""
