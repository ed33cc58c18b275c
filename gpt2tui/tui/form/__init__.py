"""What the form knows: options, words, estimates."""
