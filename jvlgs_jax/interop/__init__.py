"""PyTorch and safetensors weights in and out, and the folder a model lives in."""
