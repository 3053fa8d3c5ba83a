"""What the app promises in speed, measured. Run with `make bench`; figures and machine stand in README.md."""
