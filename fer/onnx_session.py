"""An ONNX network, a file or its bytes -> a session that runs it here; the one place for ONNX Runtime's options.

A session may be called from several threads at once. Knows nothing about what networks are for.
"""

from pathlib import Path

import onnxruntime

onnxruntime.disable_telemetry_events()  # on Windows; elsewhere the environment decides, see fer/__init__.py


def open_session(network: Path | bytes, threads: int = 0) -> onnxruntime.InferenceSession:
    """Open a network.

    Args:
        network: its file, or what the file holds.
        threads: how many share one call's work; 0 takes as many as there are cores, 1 works in the caller's own.

    Raises:
        ValueError: it is no ONNX network.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = False  # a plan holds for one size of picture or batch alone
    # Else the threads spin on after a call, in wait for the next: up to 60 ms of processor time a frame of a camera.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own, without a common base
        raise ValueError("This is no ONNX network.") from error
