"""Between the app and the terminal."""
