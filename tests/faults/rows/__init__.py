"""What is done to a booth: one function per fault, in files by subject."""
