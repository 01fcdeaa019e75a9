/* Physics of a roll-to-roll web line: states, derivatives and outputs as functions of arguments. */
#ifndef WEB_LINE_H
#define WEB_LINE_H

#include "variables.h"

/*
 * The line, in the order of the web's travel:
 *
 *   unwinder -S1- R1 -S2- R2 -S3- R3 -S4- R4 -S5- R5 -S6- (dancer R6) NR2
 *            -S7- R7 -S8- R8 -S9- R9 -S10- R10 -S11- NR1 -S12- winder
 *
 * Whatever stands between span k and span k+1 has index k: 0 is the unwinder, 6 the nip NR2, 11 the
 * nip NR1, 12 the winder, all others are idle rollers. The dancer hangs in span 6, with S6 on both
 * its sides.
 */
enum { SPANS = 12, UNWINDER = 0, NIP_2 = 6, NIP_1 = 11, WINDER = 12, DANCER_SPAN = 6 };

/* 1 for the places where an idle roller turns. */
extern const int web_line_is_roller[SPANS + 1];

/* Sets parameters, inputs and states to their start values. */
void web_line_start(double value[VARIABLE_COUNT]);

/*
 * Derivatives of all states.
 *
 * value: parameters and inputs are read from it, by value reference
 * x:     states, in the order of value references from STATE_FIRST
 * slip:  if not null, receives the slip velocity of each roller, in m/s, by its index
 */
void web_line_derivatives(const double value[VARIABLE_COUNT], const double x[STATE_COUNT],
                          double dx[STATE_COUNT], double slip[SPANS + 1]);

/* Computes derivatives and outputs from the parameters, inputs and states in value. */
void web_line_outputs(double value[VARIABLE_COUNT]);

#endif
