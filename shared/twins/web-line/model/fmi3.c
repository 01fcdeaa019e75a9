/* The model behind FMI 3.0: model exchange and co-simulation. */
#include <string.h>

#include "fmi3Functions.h"
#include "instance.h"

#define SELF ((instance *)c)

static fmi3Status fail(instance *self, const char *message) {
  const fmi3LogMessageCallback log = (fmi3LogMessageCallback)self->logger;
  if (log) log(self->environment, fmi3Error, "logStatusError", message);
  return fmi3Error;
}

static fmi3Status check(instance *self, const char *problem) {
  return problem ? fail(self, problem) : fmi3OK;
}

static instance *create(const char *name, const char *token, instance_kind kind, void *environment,
                        fmi3LogMessageCallback log) {
  if (!token || strcmp(token, INSTANTIATION_TOKEN) != 0) {
    if (log) {
      log(environment, fmi3Error, "logStatusError",
          "The instantiation token is not the one this binary was built with.");
    }
    return NULL;
  }
  instance *self = instance_create(name ? name : "", kind);
  if (!self) return NULL;
  self->environment = environment;
  self->logger = (void *)log;
  return self;
}

const char *fmi3GetVersion(void) { return fmi3Version; }

fmi3Status fmi3SetDebugLogging(fmi3Instance c, fmi3Boolean on, size_t n, const fmi3String categories[]) {
  (void)c, (void)on, (void)n, (void)categories;
  return fmi3OK;
}

fmi3Instance fmi3InstantiateModelExchange(fmi3String name, fmi3String token, fmi3String resources,
                                          fmi3Boolean visible, fmi3Boolean logging,
                                          fmi3InstanceEnvironment environment,
                                          fmi3LogMessageCallback log) {
  (void)resources, (void)visible, (void)logging;
  return create(name, token, KIND_MODEL_EXCHANGE, environment, log);
}

fmi3Instance fmi3InstantiateCoSimulation(fmi3String name, fmi3String token, fmi3String resources,
                                         fmi3Boolean visible, fmi3Boolean logging,
                                         fmi3Boolean event_mode, fmi3Boolean early_return,
                                         const fmi3ValueReference intermediate[], size_t n,
                                         fmi3InstanceEnvironment environment,
                                         fmi3LogMessageCallback log,
                                         fmi3IntermediateUpdateCallback update) {
  (void)resources, (void)visible, (void)logging, (void)event_mode, (void)early_return;
  (void)intermediate, (void)n, (void)update;
  return create(name, token, KIND_CO_SIMULATION, environment, log);
}

fmi3Instance fmi3InstantiateScheduledExecution(fmi3String name, fmi3String token, fmi3String resources,
                                               fmi3Boolean visible, fmi3Boolean logging,
                                               fmi3InstanceEnvironment environment,
                                               fmi3LogMessageCallback log,
                                               fmi3ClockUpdateCallback clock,
                                               fmi3LockPreemptionCallback lock,
                                               fmi3UnlockPreemptionCallback unlock) {
  (void)name, (void)token, (void)resources, (void)visible, (void)logging, (void)clock, (void)lock;
  (void)unlock;
  if (log) log(environment, fmi3Error, "logStatusError", "Scheduled execution is not offered.");
  return NULL;
}

void fmi3FreeInstance(fmi3Instance c) { instance_destroy(SELF); }

fmi3Status fmi3EnterInitializationMode(fmi3Instance c, fmi3Boolean tolerance_defined, fmi3Float64 tolerance,
                                       fmi3Float64 start, fmi3Boolean stop_defined, fmi3Float64 stop) {
  (void)stop_defined, (void)stop;
  SELF->state.time = start;
  if (tolerance_defined) {
    if (!(tolerance > 0)) return fail(SELF, "The tolerance is not a number above 0.");
    SELF->state.tolerance = tolerance;
  }
  SELF->state.phase = PHASE_INITIALIZATION;
  return fmi3OK;
}

fmi3Status fmi3ExitInitializationMode(fmi3Instance c) {
  SELF->state.phase = PHASE_RUN;
  return fmi3OK;
}

fmi3Status fmi3Terminate(fmi3Instance c) {
  SELF->state.phase = PHASE_TERMINATED;
  return fmi3OK;
}

fmi3Status fmi3Reset(fmi3Instance c) {
  instance_reset(SELF);
  return fmi3OK;
}

/* Modes in which this model has nothing to do. */
#define MODE(name)                        \
  fmi3Status fmi3##name(fmi3Instance c) { \
    (void)c;                              \
    return fmi3OK;                        \
  }
MODE(EnterEventMode)
MODE(EnterContinuousTimeMode)
MODE(EnterStepMode)
MODE(EvaluateDiscreteStates)

fmi3Status fmi3EnterConfigurationMode(fmi3Instance c) {
  return fail(SELF, "The model has no structural parameters.");
}

fmi3Status fmi3ExitConfigurationMode(fmi3Instance c) {
  return fail(SELF, "The model has no structural parameters.");
}

fmi3Status fmi3GetFloat64(fmi3Instance c, const fmi3ValueReference vr[], size_t n, fmi3Float64 value[],
                          size_t values) {
  if (n != values) return fail(SELF, "The number of values is not that of the value references.");
  for (size_t i = 0; i < n; i++) {
    const char *problem = NULL;
    if (vr[i] == VARIABLE_COUNT) value[i] = SELF->state.time;
    else problem = instance_get(SELF, vr + i, 1, value + i);
    if (problem) return fail(SELF, problem);
  }
  return fmi3OK;
}

fmi3Status fmi3SetFloat64(fmi3Instance c, const fmi3ValueReference vr[], size_t n,
                          const fmi3Float64 value[], size_t values) {
  if (n != values) return fail(SELF, "The number of values is not that of the value references.");
  return check(SELF, instance_set(SELF, vr, n, value));
}

/* The model has variables of type Float64 only. */
#define ACCESS(type)                                                                               \
  fmi3Status fmi3Get##type(fmi3Instance c, const fmi3ValueReference vr[], size_t n,                \
                           fmi3##type value[], size_t values) {                                    \
    (void)vr, (void)value, (void)values;                                                           \
    return n == 0 ? fmi3OK : fail(SELF, "The model has no " #type " variables.");                  \
  }                                                                                                \
  fmi3Status fmi3Set##type(fmi3Instance c, const fmi3ValueReference vr[], size_t n,                \
                           const fmi3##type value[], size_t values) {                              \
    (void)vr, (void)value, (void)values;                                                           \
    return n == 0 ? fmi3OK : fail(SELF, "The model has no " #type " variables.");                  \
  }
ACCESS(Float32)
ACCESS(Int8)
ACCESS(UInt8)
ACCESS(Int16)
ACCESS(UInt16)
ACCESS(Int32)
ACCESS(UInt32)
ACCESS(Int64)
ACCESS(UInt64)
ACCESS(Boolean)
ACCESS(String)

fmi3Status fmi3GetBinary(fmi3Instance c, const fmi3ValueReference vr[], size_t n, size_t sizes[],
                         fmi3Binary value[], size_t values) {
  (void)vr, (void)sizes, (void)value, (void)values;
  return n == 0 ? fmi3OK : fail(SELF, "The model has no Binary variables.");
}

fmi3Status fmi3SetBinary(fmi3Instance c, const fmi3ValueReference vr[], size_t n, const size_t sizes[],
                         const fmi3Binary value[], size_t values) {
  (void)vr, (void)sizes, (void)value, (void)values;
  return n == 0 ? fmi3OK : fail(SELF, "The model has no Binary variables.");
}

/* Nor has it clocks. */
#define CLOCKS(name, ...)                                                                            \
  fmi3Status fmi3##name(fmi3Instance c, const fmi3ValueReference vr[], size_t n, __VA_ARGS__) {      \
    (void)vr;                                                                                        \
    return n == 0 ? fmi3OK : fail(SELF, "The model has no clocks.");                                 \
  }
CLOCKS(GetClock, fmi3Clock values[])
CLOCKS(SetClock, const fmi3Clock values[])
CLOCKS(GetIntervalDecimal, fmi3Float64 intervals[], fmi3IntervalQualifier qualifiers[])
CLOCKS(GetIntervalFraction, fmi3UInt64 counters[], fmi3UInt64 resolutions[],
       fmi3IntervalQualifier qualifiers[])
CLOCKS(GetShiftDecimal, fmi3Float64 shifts[])
CLOCKS(GetShiftFraction, fmi3UInt64 counters[], fmi3UInt64 resolutions[])
CLOCKS(SetIntervalDecimal, const fmi3Float64 intervals[])
CLOCKS(SetIntervalFraction, const fmi3UInt64 counters[], const fmi3UInt64 resolutions[])
CLOCKS(SetShiftDecimal, const fmi3Float64 shifts[])
CLOCKS(SetShiftFraction, const fmi3UInt64 counters[], const fmi3UInt64 resolutions[])

fmi3Status fmi3ActivateModelPartition(fmi3Instance c, fmi3ValueReference clock, fmi3Float64 time) {
  (void)clock, (void)time;
  return fail(SELF, "Scheduled execution is not offered.");
}

fmi3Status fmi3GetNumberOfVariableDependencies(fmi3Instance c, fmi3ValueReference vr, size_t *n) {
  (void)vr, (void)n;
  return fail(SELF, "Dependencies of variables are not offered.");
}

fmi3Status fmi3GetVariableDependencies(fmi3Instance c, fmi3ValueReference dependent,
                                       size_t dependent_elements[], fmi3ValueReference independents[],
                                       size_t elements[], fmi3DependencyKind kinds[], size_t n) {
  (void)dependent, (void)dependent_elements, (void)independents, (void)elements, (void)kinds, (void)n;
  return fail(SELF, "Dependencies of variables are not offered.");
}

fmi3Status fmi3GetFMUState(fmi3Instance c, fmi3FMUState *state) {
  if (!*state) *state = malloc(instance_saved_size());
  if (!*state) return fail(SELF, "No memory for a saved state.");
  return check(SELF, instance_save(SELF, *state, instance_saved_size()));
}

fmi3Status fmi3SetFMUState(fmi3Instance c, fmi3FMUState state) {
  return check(SELF, state ? instance_restore(SELF, state, instance_saved_size())
                           : "There is no saved state.");
}

fmi3Status fmi3FreeFMUState(fmi3Instance c, fmi3FMUState *state) {
  (void)c;
  if (state) {
    free(*state);
    *state = NULL;
  }
  return fmi3OK;
}

fmi3Status fmi3SerializedFMUStateSize(fmi3Instance c, fmi3FMUState state, size_t *size) {
  (void)c, (void)state;
  *size = instance_saved_size();
  return fmi3OK;
}

fmi3Status fmi3SerializeFMUState(fmi3Instance c, fmi3FMUState state, fmi3Byte bytes[], size_t size) {
  if (!state || size < instance_saved_size()) return fail(SELF, "The buffer is too small for the state.");
  memcpy(bytes, state, instance_saved_size());
  return fmi3OK;
}

fmi3Status fmi3DeserializeFMUState(fmi3Instance c, const fmi3Byte bytes[], size_t size, fmi3FMUState *state) {
  if (size != instance_saved_size()) return fail(SELF, "A saved state has the wrong size.");
  if (!*state) *state = malloc(size);
  if (!*state) return fail(SELF, "No memory for a saved state.");
  memcpy(*state, bytes, size);
  return fmi3OK;
}

fmi3Status fmi3GetDirectionalDerivative(fmi3Instance c, const fmi3ValueReference unknowns[], size_t n,
                                        const fmi3ValueReference knowns[], size_t m,
                                        const fmi3Float64 seed[], size_t seeds,
                                        fmi3Float64 sensitivity[], size_t sensitivities) {
  if (seeds != m || sensitivities != n) return fail(SELF, "A seed or sensitivity has the wrong size.");
  return check(SELF, instance_directional_derivative(SELF, unknowns, n, knowns, m, seed, sensitivity));
}

fmi3Status fmi3GetAdjointDerivative(fmi3Instance c, const fmi3ValueReference unknowns[], size_t n,
                                    const fmi3ValueReference knowns[], size_t m,
                                    const fmi3Float64 seed[], size_t seeds, fmi3Float64 sensitivity[],
                                    size_t sensitivities) {
  (void)unknowns, (void)n, (void)knowns, (void)m, (void)seed, (void)seeds, (void)sensitivity;
  (void)sensitivities;
  return fail(SELF, "Adjoint derivatives are not offered.");
}

fmi3Status fmi3UpdateDiscreteStates(fmi3Instance c, fmi3Boolean *again, fmi3Boolean *terminate,
                                    fmi3Boolean *nominals, fmi3Boolean *states, fmi3Boolean *next_defined,
                                    fmi3Float64 *next) {
  (void)c;
  *again = *terminate = *nominals = *states = *next_defined = fmi3False;
  *next = 0;
  return fmi3OK;
}

fmi3Status fmi3CompletedIntegratorStep(fmi3Instance c, fmi3Boolean final_here, fmi3Boolean *event,
                                       fmi3Boolean *terminate) {
  (void)c, (void)final_here;
  *event = *terminate = fmi3False;
  return fmi3OK;
}

fmi3Status fmi3SetTime(fmi3Instance c, fmi3Float64 time) {
  SELF->state.time = time;
  return fmi3OK;
}

fmi3Status fmi3SetContinuousStates(fmi3Instance c, const fmi3Float64 x[], size_t n) {
  return check(SELF, instance_set_states(SELF, x, n));
}

fmi3Status fmi3GetContinuousStateDerivatives(fmi3Instance c, fmi3Float64 derivatives[], size_t n) {
  return check(SELF, instance_get_block(SELF, DERIVATIVE_FIRST, derivatives, n));
}

fmi3Status fmi3GetEventIndicators(fmi3Instance c, fmi3Float64 indicators[], size_t n) {
  (void)indicators;
  return n == 0 ? fmi3OK : fail(SELF, "The model has no event indicators.");
}

fmi3Status fmi3GetContinuousStates(fmi3Instance c, fmi3Float64 x[], size_t n) {
  return check(SELF, instance_get_block(SELF, STATE_FIRST, x, n));
}

fmi3Status fmi3GetNominalsOfContinuousStates(fmi3Instance c, fmi3Float64 nominal[], size_t n) {
  return check(SELF, instance_get_nominals(nominal, n));
}

fmi3Status fmi3GetNumberOfEventIndicators(fmi3Instance c, size_t *n) {
  (void)c;
  *n = 0;
  return fmi3OK;
}

fmi3Status fmi3GetNumberOfContinuousStates(fmi3Instance c, size_t *n) {
  (void)c;
  *n = STATE_COUNT;
  return fmi3OK;
}

fmi3Status fmi3GetOutputDerivatives(fmi3Instance c, const fmi3ValueReference vr[], size_t n,
                                    const fmi3Int32 orders[], fmi3Float64 value[], size_t values) {
  (void)vr, (void)orders, (void)value, (void)values;
  return n == 0 ? fmi3OK : fail(SELF, "There are no output derivatives.");
}

fmi3Status fmi3DoStep(fmi3Instance c, fmi3Float64 point, fmi3Float64 step, fmi3Boolean final_here,
                      fmi3Boolean *event, fmi3Boolean *terminate, fmi3Boolean *early, fmi3Float64 *last) {
  (void)final_here;
  if (SELF->kind != KIND_CO_SIMULATION) return fail(SELF, "fmi3DoStep is for co-simulation.");
  SELF->state.time = point;
  *event = *terminate = *early = fmi3False;
  const char *problem = instance_advance(SELF, step);
  *last = SELF->state.time;
  return check(SELF, problem);
}
