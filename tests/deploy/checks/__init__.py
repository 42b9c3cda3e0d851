"""What must be true of a hub on Kubernetes: functions from manifests to complaints."""
