/* An L-stable integrator for small stiff autonomous systems. */
#ifndef ROSENBROCK_H
#define ROSENBROCK_H

enum { ROSENBROCK_MAX = 32 };

typedef void (*rosenbrock_rhs)(const void *context, const double *x, double *dx);

/*
 * Integrates x' = rhs(x) over a time span with ROS3 (three stages, order 3, L-stable, embedded
 * order 2; A. Sandu et al., Atmospheric Environment 31 (1997) 3459-3472) and a Jacobian by finite
 * differences. Fixed points of the system are fixed points of the method, whatever the step size.
 *
 * n:         number of states, at most ROSENBROCK_MAX
 * span:      time to cover, s
 * step:      in: step size to begin with, s; out: the one to go on with
 * tolerance: error of a step that is accepted, as a share of each state's nominal value
 * returns the number of steps taken, or -1 if none small enough was found or too many were
 * needed (x is then not usable)
 */
int rosenbrock(rosenbrock_rhs rhs, const void *context, int n, double *x, double span, double *step,
               double tolerance, const double *nominal);

#endif
