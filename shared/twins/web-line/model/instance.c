/* See instance.h. */
#include "instance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rosenbrock.h"

static const double NOMINAL[STATE_COUNT] = STATE_NOMINALS;
static const signed char KIND[VARIABLE_COUNT] = VARIABLE_KINDS;
static const double MIN[VARIABLE_COUNT] = VARIABLE_MINIMA;
static const double DEFAULT_TOLERANCE = 1e-5;
static const double FIRST_STEP = 1e-3;

typedef struct {
  char magic[32];
  instance_state state;
} saved;

void instance_reset(instance *self) {
  memset(&self->state, 0, sizeof self->state);
  self->state.tolerance = DEFAULT_TOLERANCE;
  self->state.step = FIRST_STEP;
  web_line_start(self->state.value);
}

instance *instance_create(const char *name, instance_kind kind) {
  instance *self = calloc(1, sizeof *self);
  if (!self) return NULL;
  self->kind = kind;
  self->name = malloc(strlen(name) + 1);
  if (!self->name) {
    free(self);
    return NULL;
  }
  strcpy(self->name, name);
  instance_reset(self);
  return self;
}

void instance_destroy(instance *self) {
  if (!self) return;
  free(self->name);
  free(self);
}

void instance_refresh(instance *self) {
  if (self->state.is_fresh) return;
  web_line_outputs(self->state.value);
  self->state.is_fresh = 1;
}

const char *instance_get(instance *self, const uint32_t *vr, size_t count, double *values) {
  for (size_t i = 0; i < count; i++) {
    if (vr[i] >= VARIABLE_COUNT) return "A value reference is not of this model.";
    if (KIND[vr[i]] == KIND_CALCULATED) instance_refresh(self);
    values[i] = self->state.value[vr[i]];
  }
  return NULL;
}

const char *instance_set(instance *self, const uint32_t *vr, size_t count, const double *values) {
  const int before = self->state.phase == PHASE_INSTANTIATED || self->state.phase == PHASE_INITIALIZATION;
  for (size_t i = 0; i < count; i++) {
    if (vr[i] >= VARIABLE_COUNT) return "A value reference is not of this model.";
    if (!isfinite(values[i])) return "A value is not finite.";
    if (values[i] < MIN[vr[i]]) return "A value is below its variable's minimum.";
    switch (KIND[vr[i]]) {
      case KIND_TUNABLE:
      case KIND_INPUT:
        break;
      case KIND_FIXED:
        if (!before) return "A fixed parameter can be set before the end of initialization only.";
        break;
      case KIND_STATE:
        /* Under model exchange states belong to the importer. */
        if (!before && self->kind == KIND_CO_SIMULATION) {
          return "A state can be set before the end of initialization only.";
        }
        break;
      default:
        return "A calculated variable can't be set.";
    }
  }
  for (size_t i = 0; i < count; i++) {
    if (self->state.value[vr[i]] == values[i]) continue;
    self->state.value[vr[i]] = values[i];
    self->state.is_fresh = 0;
  }
  return NULL;
}

static void rhs(const void *value, const double *x, double *dx) {
  web_line_derivatives(value, x, dx, NULL);
}

const char *instance_advance(instance *self, double span) {
  instance_state *s = &self->state;
  if (!(span >= 0) || !isfinite(span)) return "The communication step is not a finite time >= 0.";
  if (span == 0) return NULL;
  double x[STATE_COUNT];
  memcpy(x, s->value + STATE_FIRST, sizeof x);
  double step = s->step;
  if (rosenbrock(rhs, s->value, STATE_COUNT, x, span, &step, s->tolerance, NOMINAL) < 0) {
    return "The integrator found no step small enough: a parameter or input is far from physical.";
  }
  memcpy(s->value + STATE_FIRST, x, sizeof x);
  s->step = step;
  s->time += span;
  s->is_fresh = 0;
  return NULL;
}

const char *instance_set_states(instance *self, const double *x, size_t count) {
  if (count != STATE_COUNT) return "The number of states is wrong.";
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(x[i])) return "A state is not finite.";
  }
  memcpy(self->state.value + STATE_FIRST, x, count * sizeof *x);
  self->state.is_fresh = 0;
  return NULL;
}

const char *instance_get_block(instance *self, uint32_t first, double *values, size_t count) {
  if (count != STATE_COUNT) return "The number of states is wrong.";
  if (first != STATE_FIRST) instance_refresh(self);
  memcpy(values, self->state.value + first, count * sizeof *values);
  return NULL;
}

const char *instance_get_nominals(double *nominal, size_t count) {
  if (count != STATE_COUNT) return "The number of states is wrong.";
  memcpy(nominal, NOMINAL, sizeof NOMINAL);
  return NULL;
}

size_t instance_saved_size(void) { return sizeof(saved); }

const char *instance_save(const instance *self, unsigned char *bytes, size_t size) {
  if (size < sizeof(saved)) return "The buffer is too small for the state.";
  saved out;
  memset(&out, 0, sizeof out);
  strncpy(out.magic, INSTANTIATION_TOKEN, sizeof out.magic - 1);
  out.state = self->state;
  memcpy(bytes, &out, sizeof out);
  return NULL;
}

const char *instance_restore(instance *self, const unsigned char *bytes, size_t size) {
  saved in;
  if (size != sizeof in) return "A saved state has the wrong size.";
  memcpy(&in, bytes, sizeof in);
  if (strncmp(in.magic, INSTANTIATION_TOKEN, sizeof in.magic - 1) != 0) {
    return "A saved state is of another model.";
  }
  self->state = in.state;
  return NULL;
}

const char *instance_directional_derivative(instance *self, const uint32_t *unknown, size_t unknowns,
                                            const uint32_t *known, size_t knowns, const double *seed,
                                            double *sensitivity) {
  double up[VARIABLE_COUNT], down[VARIABLE_COUNT], scale = 0;
  memcpy(up, self->state.value, sizeof up);
  memcpy(down, up, sizeof down);
  for (size_t i = 0; i < knowns; i++) {
    if (known[i] >= VARIABLE_COUNT || KIND[known[i]] == KIND_CALCULATED) {
      return "A known of a directional derivative is not a state, input or parameter.";
    }
    scale = fmax(scale, fabs(seed[i]) / fmax(fabs(up[known[i]]), 1e-2));
  }
  /* Central differences of a step that moves the most moved variable by a millionth of itself. */
  const double delta = scale > 0 ? 1e-6 / scale : 1;
  for (size_t i = 0; i < knowns; i++) {
    up[known[i]] += delta * seed[i];
    down[known[i]] -= delta * seed[i];
  }
  web_line_outputs(up);
  web_line_outputs(down);
  for (size_t i = 0; i < unknowns; i++) {
    if (unknown[i] >= VARIABLE_COUNT) return "A value reference is not of this model.";
    sensitivity[i] = (up[unknown[i]] - down[unknown[i]]) / (2 * delta);
  }
  return NULL;
}
