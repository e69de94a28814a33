"""Many files: what is to be read, the cores of a machine or a cluster that read it, and results that survive.

`run.run_batch` does the work that a `run.Job` describes: `sources` lists the files, `work` turns some into rows,
`local` and `cluster` let that be done by processes or by Ray, and `folder` keeps the rows. What fits on a screen needs
`photos` alone. Knows nothing about pages or the command line.
"""

from typing import Literal, get_args

EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
"""What can do the work: the cores of this machine, or Ray."""
