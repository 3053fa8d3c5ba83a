"""What every page uses: session state, texts, pickers, errors, progress."""
