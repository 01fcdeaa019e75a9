/* A heated box with a fan: heater and air as two heat capacities, walls as a conductance.
   C_heater T_heater' = power heaterOn - G_heater (T_heater - T_air)
   C_air    T_air'    = G_heater (T_heater - T_air) - G_box (T_air - T_room) */

enum { T_HEATER, DER_T_HEATER, T_AIR, DER_T_AIR, HEATER_ON, T_ROOM, G_HEATER, G_BOX,
       C_HEATER, C_AIR, POWER, HEATER, AIR, LOSS, COUNT };

static const double START[COUNT] = {22, 0, 22, 0, 0, 22, 2, 0.6, 330, 270, 18.7, 0, 0, 0};

static void evaluate(double *v) {
    double given = v[G_HEATER] * (v[T_HEATER] - v[T_AIR]);
    v[LOSS] = v[G_BOX] * (v[T_AIR] - v[T_ROOM]);
    v[DER_T_HEATER] = (v[POWER] * v[HEATER_ON] - given) / v[C_HEATER];
    v[DER_T_AIR] = (given - v[LOSS]) / v[C_AIR];
    v[HEATER] = v[T_HEATER];
    v[AIR] = v[T_AIR];
}

/* Runge and Kutta's fourth order, in steps far below the time constants of minutes. */
#define LONGEST 2.0

static void slopes(double *v, double heater, double air, double *dHeater, double *dAir) {
    v[T_HEATER] = heater;
    v[T_AIR] = air;
    evaluate(v);
    *dHeater = v[DER_T_HEATER];
    *dAir = v[DER_T_AIR];
}

static void step(double *v, double h) {
    int steps = (int)(h / LONGEST) + 1;
    double d = h / steps;
    for (int i = 0; i < steps; i++) {
        double a = v[T_HEATER], b = v[T_AIR], ka[4], kb[4];
        slopes(v, a, b, &ka[0], &kb[0]);
        slopes(v, a + d / 2 * ka[0], b + d / 2 * kb[0], &ka[1], &kb[1]);
        slopes(v, a + d / 2 * ka[1], b + d / 2 * kb[1], &ka[2], &kb[2]);
        slopes(v, a + d * ka[2], b + d * kb[2], &ka[3], &kb[3]);
        v[T_HEATER] = a + d / 6 * (ka[0] + 2 * ka[1] + 2 * ka[2] + ka[3]);
        v[T_AIR] = b + d / 6 * (kb[0] + 2 * kb[1] + 2 * kb[2] + kb[3]);
    }
}

#include "fmi2-co-simulation.h"
