"""Times filterpy's UKF on the problem of kalman.ts: arguments n/m …, prints a JSON list of ms."""

import json
import sys
import time

import numpy as np
from filterpy.kalman import MerweScaledSigmaPoints, UnscentedKalmanFilter


def measure(n, m):
    kf = UnscentedKalmanFilter(
        n,
        m,
        1.0,
        hx=lambda x: x[:m],
        fx=lambda x, dt: x,
        points=MerweScaledSigmaPoints(n, alpha=0.5, beta=2.0, kappa=0.0),
    )
    kf.P = np.eye(n) + 0.3 * (np.eye(n, k=1) + np.eye(n, k=-1))
    kf.Q = 0.01 * np.eye(n)
    kf.R = 0.1 * np.eye(m)
    z = np.random.default_rng(n).normal(size=m)
    times = []
    end = time.perf_counter() + 1.5
    while time.perf_counter() < end:
        start = time.perf_counter()
        kf.predict()
        kf.update(z)
        times.append(time.perf_counter() - start)
    return 1000 * sorted(times)[len(times) // 2]


print(json.dumps([measure(*map(int, case.split("/"))) for case in sys.argv[1:]]))
