"""Every schedule of the real engine: run it under a scheduler of our own, and search all orders that can matter."""
