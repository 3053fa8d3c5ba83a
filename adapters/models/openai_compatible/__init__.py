"""Models behind an OpenAI-compatible server: llama-server, vLLM, LM Studio, closed APIs."""
