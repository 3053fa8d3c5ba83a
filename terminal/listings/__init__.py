"""Result tables as data: `terminal.output` shows them."""
