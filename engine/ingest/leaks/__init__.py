"""The leak guard: test rows that also occur, exactly or changed, in what variants learn from."""
