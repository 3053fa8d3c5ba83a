"""Parts of Playground. No other page imports them."""
