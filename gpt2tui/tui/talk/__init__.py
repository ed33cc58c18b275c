"""What the Generate screen knows: turns, models, settings."""
