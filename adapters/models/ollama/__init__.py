"""Models of an Ollama server, through its own client package."""
