/* See web_line.h. Units are SI; derivations and sources of constants are in the README beside. */
#include "web_line.h"

#include <math.h>
#include <string.h>

const int web_line_is_roller[SPANS + 1] = {0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0};

/* Value references (and so states) of roller i are consecutive, with no entry for i = 6. */
static int slot(int roller) { return roller < NIP_2 ? roller - 1 : roller - 2; }

/* A tension this small stands for a slack web, whose ratio has no meaning. */
static const double SLACK_N = 1e-3;
/* How fast a roller past its grip is brought back to the capstan ratio, 1/s. It decides how short the
 * way into gross slip is, not where it ends: at rest the ratio is the capstan ratio exactly. */
static const double SLIP_RATE = 200.0;

/* Of the sweeps over rollers that slip; about the best for four in a row. */
static const double RELAXATION = 1.3;

/* Master drive: how fast the line follows its set speed, s. */
static const double DRIVE_TIME = 0.5;
/* Unwinder: a speed drive whose speed yields with the tension, 125 N for each m/s in the end. */
static const double UNWIND_DROOP = 125.0, UNWIND_GAIN = 2e-4, UNWIND_TIME = 5.0;
/* Nip NR1 and the winder: speed drives with a proportional-integral tension controller. */
static const double NIP_GAIN = 1e-4, NIP_INTEGRAL = 1e-4;
static const double WINDER_GAIN = 1e-4, WINDER_INTEGRAL = 1e-4;
/* Dancer: arm, inertia and damper. */
static const double DANCER_ARM = 0.5, DANCER_INERTIA = 2.0, DANCER_DAMPING = 600.0;
/* Force of the piston for each Pa: 200 N, two sides of the web at 100 N, at 325956.2867 Pa. */
static const double PISTON_AREA = 200.0 / 325956.2867;
/* The dancer's stiffness, from its angle: 0.0014318 degrees for each N of S6. */
static const double DANCER_STIFFNESS = 2.0 * 0.5 * 180.0 / (3.14159265358979323846 * 0.0014318);
/* Share above the line's speed up to which a negative drag drives in full; see drag_torque. */
static const double OVERSPEED = 1.01;
/* Material damping of the web, as the share of the tension's rate that is felt as tension, s. */
static const double WEB_DAMPING = 2e-3;

void web_line_start(double value[VARIABLE_COUNT]) {
  static const double start[VARIABLE_COUNT] = VARIABLE_STARTS;
  memcpy(value, start, sizeof start);
}

/*
 * Mass flows (per mass of a metre of unstrained web) through everything that carries the web.
 *
 * A roller that grips passes what its surface carries, plus the micro-slip that goes with its tension
 * ratio. It can't hold a ratio beyond the capstan limit c: with g = T_out - c T_in, the flow is at
 * least the one that makes dg/dt = -SLIP_RATE g. This bound is linear in the neighbours' flows, with
 * coefficients that sum to less than its own, so sweeping over the rollers converges; where no two
 * neighbours slip, the second sweep only confirms the first. The mirrored bound holds for a roller
 * that drives the web. Gross slip so needs no event and no stiff friction law.
 */
static void mass_flows(const double *value, const double *tension,
                       const double *rate, double dancer_rate, double flow[SPANS + 1]) {
  double grip[SPANS + 1];
  for (int i = 1; i < WINDER; i++) grip[i] = flow[i];
  for (int sweep = 0; sweep < 500; sweep++) {
    double change = 0;
    for (int i = 1; i < WINDER; i++) {
      if (!web_line_is_roller[i]) continue;
      const double c = value[VR_capstan1 + slot(i)];
      const double in = rate[i], out = rate[i + 1];
      /* What the dancer's motion adds to the tension rate of the span downstream. */
      const double push = i + 1 == DANCER_SPAN ? dancer_rate : 0;
      const double least = (SLIP_RATE * (tension[i + 1] - c * tension[i]) + out * flow[i + 1] +
                            push + c * in * flow[i - 1]) / (out + c * in);
      const double most = (SLIP_RATE * (c * tension[i + 1] - tension[i]) + in * flow[i - 1] +
                           c * (out * flow[i + 1] + push)) / (in + c * out);
      /* Where neighbours slip together, over-relaxation saves most of the sweeps. */
      const double reach = sweep < 3 ? 1 : RELAXATION;
      const double up = flow[i] + reach * (least - flow[i]);
      const double down = flow[i] + reach * (most - flow[i]);
      const double next = grip[i] < up ? up : grip[i] > down ? down : grip[i];
      change = fmax(change, fabs(next - flow[i]));
      flow[i] = next;
    }
    if (change < 1e-14) break;
  }
}

/*
 * Drag of a bearing, N.m. Negative drag has no physics: an estimator tries it beside zero. Taken as it
 * is, it would spin up without end a roller that loses its grip, so beyond the line's speed it fades.
 */
static double drag_torque(double b, double omega, double line_omega) {
  const double most = OVERSPEED * fabs(line_omega);
  if (b >= 0 || omega <= most) return b * omega;
  return b * fmax(0, 2 * most - omega);
}

void web_line_derivatives(const double value[VARIABLE_COUNT], const double x[STATE_COUNT],
                          double dx[STATE_COUNT], double slip[SPANS + 1]) {
  const double *omega = x + (VR_Roller1_w - STATE_FIRST);
  const double *span = x + (VR_S1_Tension_N - STATE_FIRST) - 1;
  const double drive = x[VR_driveSpeed - STATE_FIRST];
  const double drive_rate = x[VR_driveAcceleration - STATE_FIRST];
  const double unwind_trim = x[VR_unwindTrim - STATE_FIRST];
  const double nip_trim = x[VR_nipTrim - STATE_FIRST];
  const double winder_trim = x[VR_winderTrim - STATE_FIRST];
  const double angle = x[VR_dancerAngle - STATE_FIRST];
  const double angle_rate = x[VR_dancerRate - STATE_FIRST];

  const double radius = value[VR_rollerRadius];
  const double stiffness = value[VR_webStiffness];
  const double micro_slip = value[VR_microSlip];

  double tension[SPANS + 2], strain[SPANS + 2], rate[SPANS + 2];
  tension[0] = strain[0] = rate[0] = 0;
  for (int k = 1; k <= SPANS; k++) {
    const double length =
        value[VR_spanLength] - (k == DANCER_SPAN ? 2 * DANCER_ARM * angle : 0);
    tension[k] = span[k];
    strain[k] = tension[k] / stiffness;
    rate[k] = stiffness * (1 + strain[k]) * (1 + strain[k]) / length;
  }
  /* The dancer yields to tension: its arm takes length from the span. */
  const double dancer_rate =
      -rate[DANCER_SPAN] * 2 * DANCER_ARM * angle_rate / (1 + strain[DANCER_SPAN]);

  const double unwind_error = tension[1] - value[VR_unwindTension];
  const double nip_error = value[VR_nipTension] - tension[NIP_1];
  const double winder_error = value[VR_winderTension] - tension[WINDER];
  double flow[SPANS + 1];
  flow[UNWINDER] = (drive + unwind_trim + UNWIND_GAIN * unwind_error) / (1 + strain[1]);
  flow[NIP_2] = drive / (1 + strain[NIP_2]);
  flow[NIP_1] = (drive + nip_trim + NIP_GAIN * nip_error) / (1 + strain[NIP_1]);
  flow[WINDER] = (drive + winder_trim + WINDER_GAIN * winder_error) / (1 + strain[WINDER]);
  for (int i = 1; i < WINDER; i++) {
    if (!web_line_is_roller[i]) continue;
    const double c = value[VR_capstan1 + slot(i)];
    double ratio = tension[i + 1] / fmax(tension[i], SLACK_N);
    ratio = fmin(fmax(ratio, 1 / c), c);
    flow[i] = (radius * omega[slot(i)] + micro_slip * (ratio - 1) / (c - 1)) / (1 + strain[i]);
  }
  mass_flows(value, tension, rate, dancer_rate, flow);

  /* Transport of strain: what a span holds changes by what enters and leaves it. */
  double *span_rate = dx + (VR_S1_Tension_N - STATE_FIRST) - 1;
  for (int k = 1; k <= SPANS; k++) {
    span_rate[k] = rate[k] * (flow[k] - flow[k - 1]) + (k == DANCER_SPAN ? dancer_rate : 0);
  }
  for (int i = 1; i < WINDER; i++) {
    if (!web_line_is_roller[i]) continue;
    const double w = omega[slot(i)];
    const double pull = tension[i + 1] - tension[i] + WEB_DAMPING * (span_rate[i + 1] - span_rate[i]);
    dx[VR_Roller1_w - STATE_FIRST + slot(i)] =
        (radius * pull - drag_torque(value[VR_b1 + slot(i)], w, drive / radius)) /
        value[VR_rollerInertia];
    if (slip) slip[i] = flow[i] * (1 + strain[i]) - radius * w;
  }
  dx[VR_driveSpeed - STATE_FIRST] = drive_rate;
  dx[VR_driveAcceleration - STATE_FIRST] =
      ((value[VR_lineSpeed] - drive) / DRIVE_TIME - 2 * drive_rate) / DRIVE_TIME;
  dx[VR_unwindTrim - STATE_FIRST] =
      ((1 / UNWIND_DROOP - UNWIND_GAIN) * unwind_error - unwind_trim) / UNWIND_TIME;
  dx[VR_nipTrim - STATE_FIRST] = NIP_INTEGRAL * nip_error;
  dx[VR_winderTrim - STATE_FIRST] = WINDER_INTEGRAL * winder_error;
  dx[VR_dancerAngle - STATE_FIRST] = angle_rate;
  dx[VR_dancerRate - STATE_FIRST] =
      (DANCER_ARM * (2 * tension[DANCER_SPAN] - PISTON_AREA * value[VR_pistonPressure]) -
       DANCER_STIFFNESS * angle - DANCER_DAMPING * angle_rate) / DANCER_INERTIA;
}

void web_line_outputs(double value[VARIABLE_COUNT]) {
  double slip[SPANS + 1] = {0};
  web_line_derivatives(value, value + STATE_FIRST, value + DERIVATIVE_FIRST, slip);
  for (int i = 1; i < WINDER; i++) {
    if (web_line_is_roller[i]) value[VR_Roller1_SlipVelocity_mps + slot(i)] = slip[i];
  }
  const double drive = value[VR_driveSpeed], radius = value[VR_rollerRadius];
  value[VR_NR1_w] = (drive + value[VR_nipTrim] +
                     NIP_GAIN * (value[VR_nipTension] - value[VR_S11_Tension_N])) / radius;
  value[VR_NR2_w] = drive / radius;
  value[VR_DancerAngle_deg] = value[VR_dancerAngle] * (180.0 / 3.14159265358979323846);
}
