/* See rosenbrock.h. */
#include "rosenbrock.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ROS3's coefficients, in the form of E. Hairer and G. Wanner, Solving ODEs II, section IV.7. */
static const double GAMMA = 0.43586652150845899941601945119356;
static const double C21 = -1.0156171083877702091975600115545;
static const double C31 = 4.0759956452537699824805835358067;
static const double C32 = 9.2076794298330791242156818474003;
static const double M2 = 6.1697947043828245592553615689730;
static const double M3 = -0.4277225654321857332623837380651;
static const double E1 = 0.5;
static const double E2 = -2.9079558716805469821718236208017;
static const double E3 = 0.2235406989781156962736090927619;

/* More attempts than any span of physical sense needs; they take about half a second. */
enum { MOST_ATTEMPTS = 30000 };

typedef double matrix[ROSENBROCK_MAX][ROSENBROCK_MAX];

static void jacobian(rosenbrock_rhs rhs, const void *context, int n, const double *x, const double *f,
                     const double *nominal, matrix J) {
  double moved[ROSENBROCK_MAX], g[ROSENBROCK_MAX];
  memcpy(moved, x, (size_t)n * sizeof *x);
  for (int j = 0; j < n; j++) {
    moved[j] = x[j] + 1.5e-8 * fmax(fabs(x[j]), nominal[j]);
    const double delta = moved[j] - x[j];
    rhs(context, moved, g);
    for (int i = 0; i < n; i++) J[i][j] = (g[i] - f[i]) / delta;
    moved[j] = x[j];
  }
}

/* LU with row pivoting, in place; 0 if singular. */
static int factor(int n, matrix A, int *pivot) {
  for (int k = 0; k < n; k++) {
    int p = k;
    for (int i = k + 1; i < n; i++) {
      if (fabs(A[i][k]) > fabs(A[p][k])) p = i;
    }
    pivot[k] = p;
    if (!(fabs(A[p][k]) > 0)) return 0;
    if (p != k) {
      for (int j = 0; j < n; j++) {
        const double t = A[k][j];
        A[k][j] = A[p][j];
        A[p][j] = t;
      }
    }
    const double inverse = 1 / A[k][k];
    for (int i = k + 1; i < n; i++) {
      if (A[i][k] == 0) continue;
      const double l = A[i][k] *= inverse;
      for (int j = k + 1; j < n; j++) A[i][j] -= l * A[k][j];
    }
  }
  return 1;
}

static void solve(int n, matrix LU, const int *pivot, double *b) {
  for (int k = 0; k < n; k++) {
    const double t = b[pivot[k]];
    b[pivot[k]] = b[k];
    b[k] = t;
  }
  for (int i = 1; i < n; i++) {
    for (int j = 0; j < i; j++) b[i] -= LU[i][j] * b[j];
  }
  for (int i = n - 1; i >= 0; i--) {
    for (int j = i + 1; j < n; j++) b[i] -= LU[i][j] * b[j];
    b[i] /= LU[i][i];
  }
}

/* One step of size h; returns its error as a multiple of the tolerance, negative if it failed. */
static double attempt(rosenbrock_rhs rhs, const void *context, int n, const double *x,
                      const double *f, matrix J, double h, double tolerance, const double *nominal,
                      double *next) {
  matrix LU;
  int pivot[ROSENBROCK_MAX];
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < n; j++) LU[i][j] = -J[i][j];
    LU[i][i] += 1 / (h * GAMMA);
  }
  if (!factor(n, LU, pivot)) return -1;
  double u1[ROSENBROCK_MAX], u2[ROSENBROCK_MAX], u3[ROSENBROCK_MAX], g[ROSENBROCK_MAX];
  memcpy(u1, f, (size_t)n * sizeof *f);
  solve(n, LU, pivot, u1);
  for (int i = 0; i < n; i++) next[i] = x[i] + u1[i];
  rhs(context, next, g);
  for (int i = 0; i < n; i++) u2[i] = g[i] + C21 / h * u1[i];
  solve(n, LU, pivot, u2);
  for (int i = 0; i < n; i++) u3[i] = g[i] + (C31 * u1[i] + C32 * u2[i]) / h;
  solve(n, LU, pivot, u3);
  double worst = 0;
  for (int i = 0; i < n; i++) {
    next[i] = x[i] + u1[i] + M2 * u2[i] + M3 * u3[i];
    const double error = fabs(E1 * u1[i] + E2 * u2[i] + E3 * u3[i]);
    const double scale = tolerance * fmax(fabs(x[i]), nominal[i]);
    if (!isfinite(next[i]) || !isfinite(error)) return -1;
    if (error / scale > worst) worst = error / scale;
  }
  return worst;
}

int rosenbrock(rosenbrock_rhs rhs, const void *context, int n, double *x, double span, double *step,
               double tolerance, const double *nominal) {
  matrix J;
  double f[ROSENBROCK_MAX], next[ROSENBROCK_MAX];
  double done = 0;
  double h = *step;
  int steps = 0, attempts = 0;
  while (done < span) {
    rhs(context, x, f);
    jacobian(rhs, context, n, x, f, nominal, J);
    int rejected = 0;
    for (;;) {
      if (++attempts > MOST_ATTEMPTS) return -1;
      /* The last steps share what is left, so that no tiny one remains. */
      const double left = span - done;
      const double trial = h >= left ? left : h > 0.5 * left ? 0.5 * left : h;
      const double error = attempt(rhs, context, n, x, f, J, trial, tolerance, nominal, next);
      const double growth =
          error < 0 ? 0.1 : fmin(rejected ? 1 : 8, fmax(0.1, 0.9 / cbrt(fmax(error, 1e-9))));
      if (error >= 0 && error <= 1) {
        memcpy(x, next, (size_t)n * sizeof *x);
        done = trial == left ? span : done + trial;
        /* A step cut short by the end of the span says nothing against the longer one. */
        h = trial < h ? fmax(h, trial * growth) : trial * growth;
        steps++;
        break;
      }
      rejected = 1;
      h = trial * fmin(growth, 0.5);
      if (h < span * 1e-14 || h < DBL_MIN) return -1;
    }
  }
  *step = h;
  return steps;
}
