"""Facial expressions from pictures: detection, recognition and figures that say how they were measured."""

import os

# ONNX Runtime's Linux builds since 1.29 send usage to their maker unless told otherwise before they are loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from fer.emotions import EMOTIONS
from fer.pipeline import load_pipeline

__version__ = "0.1.0"
__all__ = ["EMOTIONS", "__version__", "load_pipeline"]
