"""What is kept on disk: the home folder, the run store (SQLite), and task folders."""
