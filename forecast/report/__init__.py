"""What people read: a run as a table."""
