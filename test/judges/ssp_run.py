"""Runs a system of FMUs by FMPy; the experiment comes as JSON, the rows go back as JSON."""

import json
import sys

import numpy as np
from fmpy.ssp.simulation import simulate_ssp
from fmpy.ssp.ssd import read_ssv

request = json.load(sys.stdin)
time = np.array(request["time"])
signals = {
    # FMPy's connections carry a value on after the step: what it has now acts in the next one.
    name: (lambda t, values=np.array(values): float(np.interp(t + request["stepSize"], time, values)))
    for name, values in request["inputs"].items()
}
result = simulate_ssp(
    request["path"],
    stop_time=request["stopTime"],
    step_size=request["stepSize"],
    parameter_set=read_ssv(request["parameters"]),
    input=signals,
)
json.dump({name: result[name].tolist() for name in result.dtype.names}, sys.stdout)
