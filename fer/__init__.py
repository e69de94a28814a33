"""Facial expressions from pictures: detection, recognition and figures that say how they were measured."""

from fer.emotions import EMOTIONS
from fer.pipeline import load_pipeline

__version__ = "0.1.0"
__all__ = ["EMOTIONS", "__version__", "load_pipeline"]
