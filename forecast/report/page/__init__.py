"""The page of a run: its tables, sentences, figures and notebook."""
