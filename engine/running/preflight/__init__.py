"""What a plan needs and takes, before it starts."""
