"""An ONNX network, a file or its bytes -> a session that runs it here; the one place for ONNX Runtime's options.

A session may be called from several threads at once. Knows nothing about what networks are for.

Environment variable, optional:
    FER_ONNX_PROVIDERS: what runs networks, parted by commas, the first one that can; ONNX Runtime's names, such as
        CUDAExecutionProvider,CPUExecutionProvider. The processor alone where it is not set.
"""

import os
from pathlib import Path

import onnxruntime

from fer.errors import ModelError

onnxruntime.disable_telemetry_events()  # on Windows; elsewhere the environment decides, see fer/__init__.py

PROVIDERS = "FER_ONNX_PROVIDERS"


def chosen_providers() -> list[str]:
    """What runs networks, in the order in which it is tried.

    Raises:
        ModelError: the environment names what the installed ONNX Runtime lacks.
    """
    chosen = [name.strip() for name in os.environ.get(PROVIDERS, "").split(",") if name.strip()]
    there = onnxruntime.get_available_providers()
    missing = [name for name in chosen if name not in there]
    if missing:
        raise ModelError(f"{PROVIDERS} names {', '.join(missing)}, but this ONNX Runtime has {', '.join(there)}.")
    return chosen or ["CPUExecutionProvider"]


def open_session(network: Path | bytes, threads: int = 0) -> onnxruntime.InferenceSession:
    """Open a network.

    Args:
        network: its file, or what the file holds.
        threads: how many share one call's work; 0 takes as many as there are cores, 1 works in the caller's own.

    Raises:
        ValueError: it is no ONNX network.
        ModelError: see `chosen_providers`.
    """
    providers = chosen_providers()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = False  # a plan holds for one size of picture or batch alone
    # Else the threads spin on after a call, in wait for the next: up to 60 ms of processor time a frame of a camera.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(network, options, providers=providers)
    except Exception as error:  # ONNX Runtime raises classes of its own, without a common base
        raise ValueError("This is no ONNX network.") from error
