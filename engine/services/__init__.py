"""What does an app call? The lab with its services, each a small class over ports."""
