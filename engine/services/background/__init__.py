"""Work that goes on while pages come and go: jobs, runs, series of runs, and what the sidebar says of all of them."""
