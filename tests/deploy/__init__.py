"""What is deployed, as far as it can be looked at without deploying it."""
