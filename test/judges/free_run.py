"""The judge of fits: scipy's least squares on the same equations and rows.

Reads JSON from stdin ({model, t, u, y, train, starts}), writes JSON to stdout
({rmseTrain, rmseHeldOut, parameters}). Nothing of Twinloop is in here.
"""
import json
import sys
from math import exp, sqrt

import numpy as np
from scipy.optimize import least_squares


def box(th, s, t, u):
    ca, gb, ch, gh = (exp(v) for v in th)
    heater, air = s
    out = [air]
    for k in range(1, len(t)):
        on, room = u[k - 1]
        dt = t[k] - t[k - 1]
        n = max(1, int(np.ceil(dt / 6)))
        h = dt / n
        for _ in range(n):
            q = gh * (heater - air)
            a0, a1 = (18.6655 * on - q) / ch, (q - gb * (air - room)) / ca
            m0, m1 = heater + h / 2 * a0, air + h / 2 * a1
            q = gh * (m0 - m1)
            heater += h * (18.6655 * on - q) / ch
            air += h * (q - gb * (m1 - room)) / ca
        out.append(air)
    return np.array(out)


def tanks(th, s, t, u):
    k1, k2, k3, k4 = (exp(v) for v in th)
    upper, lower = s
    out = [lower]
    for k in range(1, len(t)):
        pump = u[k - 1][0]
        dt = t[k] - t[k - 1]
        n = max(1, int(np.ceil(dt)))
        h = dt / n
        for _ in range(n):
            a, b = sqrt(max(upper, 0)), sqrt(max(lower, 0))
            net, over = k4 * pump - k1 * a, 0.0
            if upper >= 10 and net > 0:
                over, net = net, 0.0
            upper += h * net
            lower = min(lower + h * (k2 * a - k3 * b + 0.5 * over), 10.0)
        out.append(lower)
    return np.array(out)


def main():
    given = json.load(sys.stdin)
    run = {"box": box, "tanks": tanks}[given["model"]]
    t, u = given["t"], given["u"]
    y = np.array([np.nan if v is None else v for v in given["y"]])
    n = given["train"]
    seen = ~np.isnan(y[:n])

    def residuals(x):
        e = run(x[:4], x[4:], t[:n], u[:n])[seen] - y[:n][seen]
        return np.clip(np.nan_to_num(e, nan=1e3), -1e3, 1e3)

    fits = [
        least_squares(residuals, np.array(start), x_scale="jac", max_nfev=40)
        for start in given["starts"]
    ]
    best = min(fits, key=lambda f: f.cost)
    e = run(best.x[:4], best.x[4:], t, u) - y
    json.dump(
        {
            "rmseTrain": float(np.sqrt(np.nanmean(e[:n] ** 2))),
            "rmseHeldOut": float(np.sqrt(np.nanmean(e[n:] ** 2))),
            "parameters": [float(exp(v)) for v in best.x[:4]],
        },
        sys.stdout,
    )


main()
