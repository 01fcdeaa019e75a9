/* The model behind FMI 2.0: model exchange and co-simulation. */
#include <string.h>

#include "fmi2Functions.h"
#include "instance.h"

#define SELF ((instance *)c)

static fmi2Status fail(instance *self, const char *message) {
  const fmi2CallbackFunctions *callbacks = self->logger;
  if (callbacks && callbacks->logger) {
    callbacks->logger(self->environment, self->name, fmi2Error, "logStatusError", "%s", message);
  }
  return fmi2Error;
}

static fmi2Status check(instance *self, const char *problem) {
  return problem ? fail(self, problem) : fmi2OK;
}

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

fmi2Status fmi2SetDebugLogging(fmi2Component c, fmi2Boolean on, size_t n, const fmi2String categories[]) {
  (void)c, (void)on, (void)n, (void)categories;
  return fmi2OK;
}

fmi2Component fmi2Instantiate(fmi2String name, fmi2Type type, fmi2String guid, fmi2String resources,
                              const fmi2CallbackFunctions *functions, fmi2Boolean visible,
                              fmi2Boolean logging) {
  (void)resources, (void)visible, (void)logging;
  if (!guid || strcmp(guid, INSTANTIATION_TOKEN) != 0) {
    if (functions && functions->logger) {
      functions->logger(functions->componentEnvironment, name, fmi2Error, "logStatusError", "%s",
                        "The GUID is not the one this binary was built with.");
    }
    return NULL;
  }
  instance *self = instance_create(name ? name : "", type == fmi2ModelExchange ? KIND_MODEL_EXCHANGE
                                                                               : KIND_CO_SIMULATION);
  if (!self) return NULL;
  self->environment = functions ? functions->componentEnvironment : NULL;
  self->logger = (void *)functions;
  return self;
}

void fmi2FreeInstance(fmi2Component c) { instance_destroy(SELF); }

fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean tolerance_defined, fmi2Real tolerance,
                               fmi2Real start, fmi2Boolean stop_defined, fmi2Real stop) {
  (void)stop_defined, (void)stop;
  SELF->state.time = start;
  if (tolerance_defined) {
    if (!(tolerance > 0)) return fail(SELF, "The tolerance is not a number above 0.");
    SELF->state.tolerance = tolerance;
  }
  return fmi2OK;
}

fmi2Status fmi2EnterInitializationMode(fmi2Component c) {
  SELF->state.phase = PHASE_INITIALIZATION;
  return fmi2OK;
}

fmi2Status fmi2ExitInitializationMode(fmi2Component c) {
  SELF->state.phase = PHASE_RUN;
  return fmi2OK;
}

fmi2Status fmi2Terminate(fmi2Component c) {
  SELF->state.phase = PHASE_TERMINATED;
  return fmi2OK;
}

fmi2Status fmi2Reset(fmi2Component c) {
  instance_reset(SELF);
  return fmi2OK;
}

fmi2Status fmi2GetReal(fmi2Component c, const fmi2ValueReference vr[], size_t n, fmi2Real value[]) {
  return check(SELF, instance_get(SELF, vr, n, value));
}

fmi2Status fmi2SetReal(fmi2Component c, const fmi2ValueReference vr[], size_t n, const fmi2Real value[]) {
  return check(SELF, instance_set(SELF, vr, n, value));
}

/* The model has variables of type Real only. */
#define ACCESS(direction, type, qualifier)                                                          \
  fmi2Status fmi2##direction##type(fmi2Component c, const fmi2ValueReference vr[], size_t n,        \
                                   qualifier fmi2##type value[]) {                                  \
    (void)vr, (void)value;                                                                          \
    return n == 0 ? fmi2OK : fail(SELF, "The model has no " #type " variables.");                   \
  }
ACCESS(Get, Integer, )
ACCESS(Get, Boolean, )
ACCESS(Get, String, )
ACCESS(Set, Integer, const)
ACCESS(Set, Boolean, const)
ACCESS(Set, String, const)

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *state) {
  if (!*state) *state = malloc(instance_saved_size());
  if (!*state) return fail(SELF, "No memory for a saved state.");
  return check(SELF, instance_save(SELF, *state, instance_saved_size()));
}

fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate state) {
  return check(SELF, state ? instance_restore(SELF, state, instance_saved_size())
                           : "There is no saved state.");
}

fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *state) {
  (void)c;
  if (state) {
    free(*state);
    *state = NULL;
  }
  return fmi2OK;
}

fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate state, size_t *size) {
  (void)c, (void)state;
  *size = instance_saved_size();
  return fmi2OK;
}

fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate state, fmi2Byte bytes[], size_t size) {
  if (!state || size < instance_saved_size()) return fail(SELF, "The buffer is too small for the state.");
  memcpy(bytes, state, instance_saved_size());
  return fmi2OK;
}

fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte bytes[], size_t size, fmi2FMUstate *state) {
  if (size != instance_saved_size()) return fail(SELF, "A saved state has the wrong size.");
  if (!*state) *state = malloc(size);
  if (!*state) return fail(SELF, "No memory for a saved state.");
  memcpy(*state, bytes, size);
  return fmi2OK;
}

fmi2Status fmi2GetDirectionalDerivative(fmi2Component c, const fmi2ValueReference unknown[], size_t unknowns,
                                        const fmi2ValueReference known[], size_t knowns,
                                        const fmi2Real seed[], fmi2Real sensitivity[]) {
  return check(SELF, instance_directional_derivative(SELF, unknown, unknowns, known, knowns, seed,
                                                     sensitivity));
}

fmi2Status fmi2EnterEventMode(fmi2Component c) {
  (void)c;
  return fmi2OK;
}

fmi2Status fmi2NewDiscreteStates(fmi2Component c, fmi2EventInfo *info) {
  (void)c;
  memset(info, 0, sizeof *info);
  return fmi2OK;
}

fmi2Status fmi2EnterContinuousTimeMode(fmi2Component c) {
  (void)c;
  return fmi2OK;
}

fmi2Status fmi2CompletedIntegratorStep(fmi2Component c, fmi2Boolean final_here, fmi2Boolean *event,
                                       fmi2Boolean *terminate) {
  (void)c, (void)final_here;
  *event = *terminate = fmi2False;
  return fmi2OK;
}

fmi2Status fmi2SetTime(fmi2Component c, fmi2Real time) {
  SELF->state.time = time;
  return fmi2OK;
}

fmi2Status fmi2SetContinuousStates(fmi2Component c, const fmi2Real x[], size_t n) {
  return check(SELF, instance_set_states(SELF, x, n));
}

fmi2Status fmi2GetDerivatives(fmi2Component c, fmi2Real derivatives[], size_t n) {
  return check(SELF, instance_get_block(SELF, DERIVATIVE_FIRST, derivatives, n));
}

fmi2Status fmi2GetEventIndicators(fmi2Component c, fmi2Real indicators[], size_t n) {
  (void)indicators;
  return n == 0 ? fmi2OK : fail(SELF, "The model has no event indicators.");
}

fmi2Status fmi2GetContinuousStates(fmi2Component c, fmi2Real x[], size_t n) {
  return check(SELF, instance_get_block(SELF, STATE_FIRST, x, n));
}

fmi2Status fmi2GetNominalsOfContinuousStates(fmi2Component c, fmi2Real nominal[], size_t n) {
  return check(SELF, instance_get_nominals(nominal, n));
}

fmi2Status fmi2SetRealInputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t n,
                                       const fmi2Integer order[], const fmi2Real value[]) {
  (void)vr, (void)order, (void)value;
  return n == 0 ? fmi2OK : fail(SELF, "Inputs can't be interpolated.");
}

fmi2Status fmi2GetRealOutputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t n,
                                        const fmi2Integer order[], fmi2Real value[]) {
  (void)vr, (void)order, (void)value;
  return n == 0 ? fmi2OK : fail(SELF, "There are no output derivatives.");
}

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real point, fmi2Real step, fmi2Boolean final_here) {
  (void)final_here;
  if (SELF->kind != KIND_CO_SIMULATION) return fail(SELF, "fmi2DoStep is for co-simulation.");
  SELF->state.time = point;
  return check(SELF, instance_advance(SELF, step));
}

fmi2Status fmi2CancelStep(fmi2Component c) { return fail(SELF, "No step is ever pending."); }

#define STATUS(type)                                                                                \
  fmi2Status fmi2Get##type##Status(fmi2Component c, const fmi2StatusKind kind, fmi2##type *value) { \
    (void)c, (void)kind, (void)value;                                                               \
    return fmi2Discard;                                                                             \
  }
fmi2Status fmi2GetStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Status *value) {
  (void)c, (void)kind, (void)value;
  return fmi2Discard;
}
STATUS(Integer)
STATUS(String)

fmi2Status fmi2GetRealStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Real *value) {
  if (kind != fmi2LastSuccessfulTime) return fmi2Discard;
  *value = SELF->state.time;
  return fmi2OK;
}

fmi2Status fmi2GetBooleanStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Boolean *value) {
  (void)c;
  if (kind != fmi2Terminated) return fmi2Discard;
  *value = fmi2False;
  return fmi2OK;
}
