"""Is each kind of claim of a verdict true as often as it says? Simulated runs whose truth is known."""
