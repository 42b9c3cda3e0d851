"""What a hub of a given size needs: a model, its coefficients, and a simulated storm."""
