"""Models in and out: transformers, safetensors, GGUF, ``.pt``, and a Space for Hugging Face."""
