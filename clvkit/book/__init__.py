"""From chapters to checked pages."""
