"""What the chart draws with: nothing of Textual, so that it can be tried alone."""
