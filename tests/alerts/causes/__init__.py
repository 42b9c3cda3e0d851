"""Each alert fired by its real cause, against a real Prometheus and Alertmanager."""
