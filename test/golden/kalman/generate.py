"""Writes the golden vectors next to this file.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install filterpy==1.4.5 numpy scipy
    /tmp/venv/bin/python test/golden/kalman/generate.py

Each file holds the tool's version, the tolerance to compare with, the measurements that were fed in
(null where missing) and the filter's results after every step. The models are those of
test/unit/kalman/golden.test.ts.
"""

import json
import platform
from pathlib import Path

import filterpy
import numpy as np
import scipy
from filterpy.kalman import (
    CubatureKalmanFilter,
    JulierSigmaPoints,
    KalmanFilter,
    MerweScaledSigmaPoints,
    UnscentedKalmanFilter,
)

HERE = Path(__file__).parent
DT = 0.05
STEPS = 40

PROVENANCE = {
    "tool": "filterpy",
    "version": filterpy.__version__,
    "numpy": np.__version__,
    "scipy": scipy.__version__,
    "python": platform.python_version(),
    "generator": "test/golden/kalman/generate.py",
    "toleranceRelative": 1e-12,
}


def pendulum(x, dt):
    """Angle, rate, drag: the drag coefficient is to be estimated."""
    return np.array(
        [
            x[0] + dt * x[1],
            x[1] - dt * (9.81 * np.sin(x[0]) + x[2] * x[1] * abs(x[1])),
            x[2],
        ]
    )


def measure(x):
    return np.array([np.sin(x[0]), x[1] + 0.1 * x[0] ** 2])


X0 = np.array([0.5, 0.1, 0.3])
P0 = np.array([[0.2, 0.02, 0.0], [0.02, 0.3, -0.01], [0.0, -0.01, 0.05]])
Q = np.array([[1e-4, 2e-5, 0.0], [2e-5, 4e-4, 0.0], [0.0, 0.0, 1e-5]])
R = np.array([[0.01, 0.002], [0.002, 0.04]])


def pendulum_measurements(rng):
    x = np.array([0.8, -0.3, 0.4])
    zs = []
    for k in range(STEPS):
        x = pendulum(x, DT)
        z = measure(x) + rng.multivariate_normal(np.zeros(2), R)
        zs.append(None if k in (5, 6, 17) else z)
    return zs


def rows(a):
    return None if a is None else np.asarray(a, dtype=float).ravel().tolist()


def run(kf, zs, with_likelihood=True):
    steps = []
    for z in zs:
        kf.predict()
        prior = {"x": rows(kf.x), "P": rows(kf.P)}
        kf.update(z)
        step = {"z": rows(z), "prior": prior, "x": rows(kf.x), "P": rows(kf.P)}
        if z is not None:
            step["y"] = rows(kf.y)
            if with_likelihood:
                step["logLikelihood"] = float(kf.log_likelihood)
        steps.append(step)
    return steps


def write(name, what, content):
    data = {"provenance": PROVENANCE, "what": what, **content}
    (HERE / f"{name}.json").write_text(json.dumps(data, indent=None, separators=(",", ":")) + "\n")


class Redrawing(UnscentedKalmanFilter):
    """Draws the points anew after a prediction: filterpy 1.4.5 measures the propagated ones."""

    def predict(self, *args, **kwargs):
        super().predict(*args, **kwargs)
        self.sigmas_f = self.points_fn.sigma_points(self.x, self.P)


def ukf(points, redraw):
    kf = (Redrawing if redraw else UnscentedKalmanFilter)(
        dim_x=3, dim_z=2, dt=DT, hx=measure, fx=pendulum, points=points
    )
    kf.x, kf.P, kf.Q, kf.R = X0.copy(), P0.copy(), Q.copy(), R.copy()
    return kf


def smoothed(kf, steps):
    xs = np.array([s["x"] for s in steps])
    Ps = np.array([np.array(s["P"]).reshape(3, 3) for s in steps])
    x, P, _ = kf.rts_smoother(xs, Ps)
    return [{"x": rows(a), "P": rows(b)} for a, b in zip(x, P)]


zs = pendulum_measurements(np.random.default_rng(20240601))

RULES = {
    "scaled-0.5": {"kind": "scaled", "alpha": 0.5, "beta": 2.0, "kappa": 0.0},
    "scaled-1": {"kind": "scaled", "alpha": 1.0, "beta": 2.0, "kappa": 0.0},
    "scaled-0.6": {"kind": "scaled", "alpha": 0.6, "beta": 0.0, "kappa": 1.0},
    "julier": {"kind": "julier", "kappa": 0.5},
}

for name, rule in RULES.items():
    parameters = {k: v for k, v in rule.items() if k != "kind"}
    for redraw in (True, False):
        if rule["kind"] == "julier":
            points = JulierSigmaPoints(3, **parameters)
        else:
            points = MerweScaledSigmaPoints(3, **parameters)
        kf = ukf(points, redraw)
        steps = run(kf, zs)
        content = {"points": rule, "redrawn": redraw, "steps": steps}
        if redraw:
            content["smoothed"] = smoothed(kf, steps)
        write(
            f"ukf-{name}-{'redrawn' if redraw else 'propagated'}",
            "UnscentedKalmanFilter on a pendulum with unknown drag, and its rts_smoother",
            content,
        )

ckf = CubatureKalmanFilter(dim_x=3, dim_z=2, dt=DT, hx=measure, fx=pendulum)
ckf.x, ckf.P, ckf.Q, ckf.R = X0.copy(), P0.copy(), Q.copy(), R.copy()
write(
    "ckf",
    "CubatureKalmanFilter on the same pendulum; it measures the propagated points, not redrawn ones",
    {
        "points": {"kind": "cubature"},
        "steps": run(
            ckf,
            [z.reshape(2, 1) for z in zs if z is not None],
            with_likelihood=False,
        ),
    },
)


def mean_angles(sigmas, Wm):
    out = np.zeros(sigmas.shape[1])
    out[0] = np.arctan2(np.sum(np.sin(sigmas[:, 0]) * Wm), np.sum(np.cos(sigmas[:, 0]) * Wm))
    out[1] = np.sum(sigmas[:, 1] * Wm)
    return out


def residual_angles(a, b):
    d = a - b
    d[0] -= 2 * np.pi * np.round(d[0] / (2 * np.pi))
    return d


def turn(x, dt):
    """Heading and turn rate, far beyond half a turn."""
    return np.array([x[0] + dt * x[1], x[1]])


kf = Redrawing(
    dim_x=2,
    dim_z=2,
    dt=1.0,
    hx=lambda x: np.array([residual_angles(x.copy(), np.zeros(2))[0], x[1] ** 2]),
    fx=turn,
    points=MerweScaledSigmaPoints(2, alpha=0.7, beta=2.0, kappa=0.0),
    z_mean_fn=mean_angles,
    residual_z=residual_angles,
)
kf.x, kf.P = np.array([3.0, 0.4]), np.diag([0.05, 0.01])
kf.Q, kf.R = np.diag([1e-3, 1e-4]), np.diag([0.02, 0.05])
rng = np.random.default_rng(7)
heading, rate, turns = 3.1, 0.45, []
for _ in range(STEPS):
    heading += rate
    z = np.array([heading, rate**2]) + rng.normal(size=2) * np.sqrt([0.02, 0.05])
    turns.append(residual_angles(z, np.zeros(2)))
write(
    "ukf-angles",
    "UnscentedKalmanFilter with a wrapped measurement: z_mean_fn and residual_z",
    {
        "points": {"kind": "scaled", "alpha": 0.7, "beta": 2.0, "kappa": 0.0},
        "redrawn": True,
        "steps": run(kf, turns),
    },
)

F = np.array([[1, DT, 0.5 * DT * DT], [0, 1, DT], [0, 0, 0.98]])
H = np.array([[1.0, 0.0, 0.0], [0.3, 0.0, 1.0]])
kf = KalmanFilter(dim_x=3, dim_z=2)
kf.x, kf.P, kf.Q, kf.R, kf.F, kf.H = X0.copy(), P0.copy(), Q.copy(), R.copy(), F, H
steps = run(kf, zs)
xs = np.array([s["x"] for s in steps])
Ps = np.array([np.array(s["P"]).reshape(3, 3) for s in steps])
x, P, _, _ = kf.rts_smoother(xs, Ps)
write(
    "kf",
    "KalmanFilter with a constant-acceleration model, and its rts_smoother",
    {
        "F": rows(F),
        "H": rows(H),
        "steps": steps,
        "smoothed": [{"x": rows(a), "P": rows(b)} for a, b in zip(x, P)],
    },
)
