"""What our server is compared with: the ceiling, and what teams would write. Each does the same work."""
