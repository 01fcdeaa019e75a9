"""Runs FMPy on the FMU and options that stdin names as JSON; the result goes to stdout as JSON."""
import json
import sys

from fmpy import read_model_description, simulate_fmu

job = json.load(sys.stdin)
signals = None
if "input" in job:
    import numpy as np

    signals = np.array(
        [tuple(row) for row in zip(*job["input"].values())],
        dtype=[(name, np.double) for name in job["input"]],
    )
quiet = lambda *args: None  # noqa: E731
result = simulate_fmu(
    job["file"],
    validate=False,
    fmi_type="CoSimulation" if job["interface"] == "cs" else "ModelExchange",
    start_time=job["startTimeS"],
    stop_time=job["stopTimeS"],
    output_interval=job["outputIntervalS"],
    relative_tolerance=job.get("tolerance"),
    output=job["outputs"],
    record_events=False,
    use_event_mode=False,
    start_values=job.get("startValues", {}),
    input=signals,
    set_input_derivatives=job.get("setInputDerivatives", False),
    logger=quiet,
    set_stop_time=True,
)
names = result.dtype.names
json.dump(
    {name: [float(v) for v in result[name]] for name in names},
    sys.stdout,
    allow_nan=True,
)
