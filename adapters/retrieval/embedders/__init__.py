"""The embedders, one file each. Import `registry`: it lists what is there without loading any, and opens one."""
