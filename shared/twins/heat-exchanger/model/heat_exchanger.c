/* A counterflow heat exchanger that fouls, by effectiveness and number of transfer units: an FMI 2
   co-simulation FMU without states, whose outputs follow its inputs at once. */
#include <math.h>

enum { M_HOT, M_COLD, T_HOT_IN, T_COLD_IN, FOULING, T_HOT_OUT, T_COLD_OUT, HEAT, UA, COUNT };

/* Water, J/(kg.K); area, m2; heat transfer when clean, W/(m2.K). */
#define CP 4180.0
#define AREA 10.0
#define U_CLEAN 1500.0

static const double START[COUNT] = {2, 3, 90, 15, 0.5, 0, 0, 0, 0};

static void evaluate(double *v) {
    double hot = CP * fmax(v[M_HOT], 1e-6), cold = CP * fmax(v[M_COLD], 1e-6);
    double least = fmin(hot, cold), ratio = least / fmax(hot, cold);
    double ua = AREA / (1 / U_CLEAN + 1e-4 * fmax(v[FOULING], 0));
    double ntu = ua / least, decay = exp(-ntu * (1 - ratio));
    double effectiveness = ratio > 1 - 1e-9 ? ntu / (1 + ntu) : (1 - decay) / (1 - ratio * decay);
    double heat = effectiveness * least * (v[T_HOT_IN] - v[T_COLD_IN]);
    v[T_HOT_OUT] = v[T_HOT_IN] - heat / hot;
    v[T_COLD_OUT] = v[T_COLD_IN] + heat / cold;
    v[HEAT] = heat / 1000;
    v[UA] = ua / 1000;
}

static void step(double *v, double h) {}

#include "fmi2-co-simulation.h"
