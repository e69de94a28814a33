"""Networks opened: what is none, and that nothing works on after a call."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer import paths
from fer.onnx_session import open_session
from tests.fakes import write_network


@pytest.mark.parametrize("threads", [0, 1])
def test_a_file_and_its_bytes_are_the_same_network(threads: int, tmp_path: Path) -> None:
    file = tmp_path / "drawn.onnx"
    write_network(file)
    sessions = [open_session(file, threads), open_session(file.read_bytes(), threads)]
    side = sessions[0].get_inputs()[0].shape[1]
    crops = np.random.default_rng(0).random((3, side, side, 1), np.float32)
    first, second = (session.run(None, {session.get_inputs()[0].name: crops})[0] for session in sessions)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("data", [b"", b"no network", b"\x00" * 1000], ids=["empty", "words", "zeros"])
def test_what_is_no_network_is_said(data: bytes) -> None:
    with pytest.raises(ValueError, match="no ONNX network"):
        open_session(data)


_REST = """
import time
import numpy as np
from fer.recognition import load_model

model = load_model("fer2013-small")
crops = np.random.default_rng(0).integers(0, 256, (64, model.card.crop_size, model.card.crop_size), np.uint8)
spent = []
for _ in range(20):
    model.predict(crops[:16])
    start = time.process_time()
    time.sleep(0.05)
    spent.append(time.process_time() - start)
print(sum(spent))
"""


@pytest.mark.slow
def test_between_calls_the_processor_rests() -> None:
    """Left to themselves, the threads of ONNX Runtime wait for the next call by spinning."""
    done = subprocess.run([sys.executable, "-c", _REST], cwd=paths.ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.1, "seconds of processor time in one second of rest"
