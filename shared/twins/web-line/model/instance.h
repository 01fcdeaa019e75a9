/* One instance of the model, behind both versions of FMI. */
#ifndef INSTANCE_H
#define INSTANCE_H

#include <stddef.h>
#include <stdint.h>

#include "web_line.h"

typedef enum { KIND_CO_SIMULATION, KIND_MODEL_EXCHANGE } instance_kind;
typedef enum { PHASE_INSTANTIATED, PHASE_INITIALIZATION, PHASE_RUN, PHASE_TERMINATED } instance_phase;

/* Everything that a run depends on; plain data, so that a copy is a saved state. */
typedef struct {
  double time, tolerance, step;
  double value[VARIABLE_COUNT];
  int32_t phase, is_fresh;
} instance_state;

typedef struct {
  instance_kind kind;
  instance_state state;
  char *name;
  void *environment;
  void *logger;
} instance;

instance *instance_create(const char *name, instance_kind kind);
void instance_destroy(instance *self);
void instance_reset(instance *self);

/* Each returns null if all went well, or else what is wrong. */
const char *instance_get(instance *self, const uint32_t *vr, size_t count, double *values);
const char *instance_set(instance *self, const uint32_t *vr, size_t count, const double *values);
const char *instance_advance(instance *self, double span);
const char *instance_save(const instance *self, unsigned char *bytes, size_t size);
const char *instance_restore(instance *self, const unsigned char *bytes, size_t size);
const char *instance_directional_derivative(instance *self, const uint32_t *unknown, size_t unknowns,
                                            const uint32_t *known, size_t knowns, const double *seed,
                                            double *sensitivity);
/* For model exchange. */
const char *instance_set_states(instance *self, const double *x, size_t count);
const char *instance_get_block(instance *self, uint32_t first, double *values, size_t count);
const char *instance_get_nominals(double *nominal, size_t count);
size_t instance_saved_size(void);

/* Brings derivatives and outputs up to date. */
void instance_refresh(instance *self);

#endif
