"""What is stored in Redis: the data model that all services' scripts share."""
