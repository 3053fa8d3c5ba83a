"""What a model does on this machine: whether it answers as it should, and how fast."""
