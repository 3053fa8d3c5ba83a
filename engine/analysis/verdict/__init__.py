"""The verdict: typed claims, what is decided from them, and how they are said."""
