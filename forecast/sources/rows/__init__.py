"""What the rows of a plain table are among each other: parts of a figure and their total, and cells carried down."""
