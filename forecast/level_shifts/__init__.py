"""Level shifts that no event on file explains: forecast errors, detection, proposed calendar entries."""
