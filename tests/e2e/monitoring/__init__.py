"""What tests need of deploy/compose/monitoring.yml: its images, and what Prometheus answers."""
