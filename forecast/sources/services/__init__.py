"""Live services of statistical offices: what they answer is kept as a file, and read as any downloaded file is."""
