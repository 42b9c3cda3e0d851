"""How long an import of a whole festival takes."""
