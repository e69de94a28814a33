"""The training room: labelled faces -> a network's files. The only room that imports Keras and TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # has to be set before TensorFlow is imported
