"""The app's links to the processes that compute."""
