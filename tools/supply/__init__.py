"""What the images are made of: lists (SBOM), licences, known vulnerabilities."""
