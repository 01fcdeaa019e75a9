"""Other ways to the constants of a machine, on the same equations and rows as a twin's fit.

Reads JSON from stdin ({model, t, u, y, half, starts, prior}), writes one JSON line per peer:
{peer, parameters: [[mean, lower95, upper95], ...], rmse, seconds}: parameters from all rows, rmse that of
a free run over the rows from `half` on with parameters learnt from those before.
Nothing of Twinloop is in here.
"""
import json
import sys
import time

import numpy as np
from scipy.optimize import least_squares, minimize

POWER = 18.6655


def box(x, th, u, dt):
    """One step of the heated box: heater, air."""
    heater, air = x
    ca, gb, ch, gh = th
    n = max(1, int(np.ceil(dt / 6)))
    h = dt / n
    for _ in range(n):
        q = gh * (heater - air)
        a0, a1 = (POWER * u[0] - q) / ch, (q - gb * (air - u[1])) / ca
        m0, m1 = heater + h / 2 * a0, air + h / 2 * a1
        q = gh * (m0 - m1)
        heater, air = heater + h * (POWER * u[0] - q) / ch, air + h * (q - gb * (m1 - u[1])) / ca
    return np.array([heater, air])


def tanks(x, th, u, dt):
    """One step of the two tanks: upper, lower."""
    upper, lower = x
    k1, k2, k3, k4 = th
    n = max(1, int(np.ceil(dt)))
    h = dt / n
    for _ in range(n):
        a, b = np.sqrt(max(upper, 0)), np.sqrt(max(lower, 0))
        net, over = k4 * u[0] - k1 * a, 0.0
        if upper >= 10 and net > 0:
            net, over = 0.0, net
        upper, lower = upper + h * net, min(lower + h * (k2 * a - k3 * b + 0.5 * over), 10.0)
    return np.array([upper, lower])


def read():
    given = json.load(sys.stdin)
    y = np.array([np.nan if v is None else v for v in given["y"]], float)
    step = {"box": box, "tanks": tanks}[given["model"]]
    return step, np.array(given["t"]), np.array(given["u"]), y, given["half"], given


def run(step, logs, x0, t, u):
    th, x, out = np.exp(np.clip(logs, -30, 30)), np.array(x0, float), []
    for k in range(len(t)):
        out.append(x)
        if k + 1 < len(t):
            x = np.clip(step(x, th, u[k], t[k + 1] - t[k]), -1e6, 1e6)
    return np.array(out)


def tell(peer, means, stds, error, seen, seconds):
    """Bands are those of logarithms."""
    json.dump(
        {
            "peer": peer,
            "parameters": [
                [float(np.exp(m)), float(np.exp(m - 1.96 * s)), float(np.exp(min(m + 1.96 * s, 700)))]
                for m, s in zip(means, stds)
            ],
            "rmse": float(np.sqrt(np.nanmean(error[seen] ** 2))),
            "seconds": seconds,
        },
        sys.stdout,
    )
    print(flush=True)


def by_least_squares(step, t, u, y, half, given):
    """scipy's least squares, with the covariance that independent residuals would have."""

    def fit(n):
        seen = ~np.isnan(y[:n])

        def residuals(v):
            e = run(step, v[:4], v[4:], t[:n], u[:n])[seen, 1] - y[:n][seen]
            return np.clip(np.nan_to_num(e, nan=1e3), -1e3, 1e3)

        fits = [least_squares(residuals, np.array(s), x_scale="jac", max_nfev=40) for s in given["starts"]]
        return min(fits, key=lambda f: f.cost)

    whole, first = fit(len(t)), fit(half)
    given["found"] = {len(t): whole.x, half: first.x}
    n = np.count_nonzero(~np.isnan(y))
    cov = np.linalg.pinv(whole.jac.T @ whole.jac) * 2 * whole.cost / (n - len(whole.x))
    free = run(step, first.x[:4], first.x[4:], t, u)[:, 1]
    return whole.x[:4], np.sqrt(np.diag(cov))[:4], free - y


def by_filter(step, t, u, y, half, given):
    """filterpy's UKF over logarithms of the parameters and the states, noise as a user guesses it."""
    from filterpy.kalman import MerweScaledSigmaPoints, UnscentedKalmanFilter

    scale = np.nanstd(y)
    points = MerweScaledSigmaPoints(6, alpha=0.3, beta=2, kappa=-3)

    def fx(x, dt, u):
        return np.concatenate([x[:4], step(x[4:], np.exp(np.clip(x[:4], -30, 30)), u, dt)])

    ukf = UnscentedKalmanFilter(6, 1, 1.0, hx=lambda x: x[5:6], fx=fx, points=points)
    first = y[~np.isnan(y)][0]
    ukf.x = np.array([*np.log(given["prior"]), first, first])
    ukf.P = np.diag([1.0] * 4 + [(0.2 * scale) ** 2] * 2)
    ukf.R *= np.nanvar(np.diff(y)) / 2
    halfway = None
    for k in range(len(t)):
        if k > 0:
            dt = t[k] - t[k - 1]
            ukf.Q = np.diag([0.0] * 4 + [(1e-3 * scale) ** 2 * dt] * 2)
            ukf.P = (ukf.P + ukf.P.T) / 2 + 1e-12 * np.eye(6)
            ukf.predict(dt=dt, u=u[k - 1])
        if not np.isnan(y[k]):
            ukf.update(np.array([y[k]]))
        if k == half:
            halfway = ukf.x.copy()
    free = np.full(len(t), np.nan)
    free[half:] = run(step, halfway[:4], halfway[4:], t[half:], u[half:])[:, 1]
    return ukf.x[:4], np.sqrt(np.diag(ukf.P))[:4], free - y


def by_prediction_error(step, t, u, y, half, given):
    """Prediction errors by likelihood: an extended filter with noise on the states, as CTSM has it."""
    scale = np.nanstd(y)

    def likelihood(v, n, ends=None):
        th, x = np.exp(np.clip(v[:4], -30, 30)), np.array(v[4:6])
        q, r = np.exp(2 * np.clip(v[6:8], -15, 15))
        P, total = np.eye(2) * (0.02 * scale) ** 2, 0.0
        for k in range(n):
            if k > 0:
                dt, now = t[k] - t[k - 1], step(x, th, u[k - 1], t[k] - t[k - 1])
                h = 1e-4 * scale
                A = np.column_stack([(step(x + d, th, u[k - 1], dt) - now) / h for d in np.eye(2) * h])
                x, P = np.clip(now, -1e6, 1e6), A @ P @ A.T + np.eye(2) * q * dt
            if np.isnan(y[k]):
                continue
            S = P[1, 1] + r
            K, e = P[:, 1] / S, y[k] - x[1]
            total += 0.5 * (e * e / S + np.log(S))
            x, P = x + K * e, P - np.outer(K, P[1])
        if ends is not None:
            ends.append(x)
        prior = np.sum((v[:4] - np.log(given["prior"])) ** 2) / 2
        return total + prior if np.isfinite(total) else 1e9

    noise = np.log([1e-3 * scale, max(np.sqrt(np.nanvar(np.diff(y)) / 2), 1e-6)])

    def fit(n):
        # From where least squares ended: from the priors it ends in optima that nobody would take.
        begin = np.concatenate([given["found"][n], noise])
        options = {"maxiter": 60, "gtol": 1e-2}
        return minimize(likelihood, begin, args=(n,), method="BFGS", options=options)

    whole, first = fit(len(t)), fit(half)
    ends = []
    likelihood(first.x, half, ends)
    free = np.full(len(t), np.nan)
    free[half - 1 :] = run(step, first.x[:4], ends[0], t[half - 1 :], u[half - 1 :])[:, 1]
    return whole.x[:4], np.sqrt(np.abs(np.diag(whole.hess_inv)))[:4], free - y


def main():
    np.seterr(all="ignore")
    step, t, u, y, half, given = read()
    seen = np.arange(len(t)) >= half
    for peer, way in (
        ("scipy least_squares, white residuals", by_least_squares),
        ("filterpy UKF, parameters as states", by_filter),
        ("prediction error by likelihood (CTSM's way)", by_prediction_error),
    ):
        begun = time.perf_counter()
        try:
            means, stds, error = way(step, t, u, y, half, given)
            tell(peer, means, stds, error, seen, time.perf_counter() - begun)
        except Exception as error:  # a peer that fails is a finding
            print(json.dumps({"peer": peer, "failed": f"{type(error).__name__}: {error}"}), flush=True)


main()
