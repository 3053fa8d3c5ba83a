"""Training of LoRA weights: the caller's side (`trainer`, `kept`, `memory`) and the worker's side (the rest).

Import `PeftTrainer` from `adapters.training.trainer`. Only the worker process imports torch, transformers and peft.
"""
