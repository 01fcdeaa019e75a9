/* A counterflow heat exchanger that fouls, by effectiveness and number of transfer units: an FMI 2
   co-simulation FMU without states, whose outputs follow its inputs at once. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "fmi2Functions.h"

enum { M_HOT, M_COLD, T_HOT_IN, T_COLD_IN, FOULING, T_HOT_OUT, T_COLD_OUT, HEAT, UA, COUNT };

/* Water, J/(kg.K); area, m2; heat transfer when clean, W/(m2.K). */
#define CP 4180.0
#define AREA 10.0
#define U_CLEAN 1500.0

typedef struct {
    double v[COUNT];
    char *guid;
} Instance;

static const double START[COUNT] = {2, 3, 90, 15, 0.5, 0, 0, 0, 0};

static void evaluate(Instance *x) {
    double *v = x->v;
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

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }
fmi2Status fmi2SetDebugLogging(fmi2Component c, fmi2Boolean on, size_t n, const fmi2String s[]) {
    return fmi2OK;
}

fmi2Component fmi2Instantiate(fmi2String name, fmi2Type type, fmi2String guid, fmi2String resources,
                              const fmi2CallbackFunctions *callbacks, fmi2Boolean visible,
                              fmi2Boolean logging) {
    if (type != fmi2CoSimulation) return NULL;
    Instance *x = calloc(1, sizeof(Instance));
    if (x != NULL) memcpy(x->v, START, sizeof START);
    return x;
}

void fmi2FreeInstance(fmi2Component c) { free(c); }

fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean toleranceDefined, fmi2Real tolerance,
                               fmi2Real start, fmi2Boolean stopDefined, fmi2Real stop) {
    return fmi2OK;
}
fmi2Status fmi2EnterInitializationMode(fmi2Component c) { return fmi2OK; }
fmi2Status fmi2ExitInitializationMode(fmi2Component c) {
    evaluate(c);
    return fmi2OK;
}
fmi2Status fmi2Terminate(fmi2Component c) { return fmi2OK; }
fmi2Status fmi2Reset(fmi2Component c) {
    memcpy(((Instance *)c)->v, START, sizeof START);
    return fmi2OK;
}

fmi2Status fmi2GetReal(fmi2Component c, const fmi2ValueReference vr[], size_t n, fmi2Real value[]) {
    Instance *x = c;
    evaluate(x);
    for (size_t i = 0; i < n; i++) {
        if (vr[i] >= COUNT) return fmi2Error;
        value[i] = x->v[vr[i]];
    }
    return fmi2OK;
}
fmi2Status fmi2SetReal(fmi2Component c, const fmi2ValueReference vr[], size_t n, const fmi2Real value[]) {
    for (size_t i = 0; i < n; i++) {
        if (vr[i] >= COUNT) return fmi2Error;
        ((Instance *)c)->v[vr[i]] = value[i];
    }
    return fmi2OK;
}
fmi2Status fmi2DoStep(fmi2Component c, fmi2Real t, fmi2Real h, fmi2Boolean noSetState) {
    evaluate(c);
    return fmi2OK;
}

/* What this model has none of. */
#define NONE(name, type)                                                                            \
    fmi2Status fmi2Get##name(fmi2Component c, const fmi2ValueReference vr[], size_t n, type v[]) {   \
        return n == 0 ? fmi2OK : fmi2Error;                                                         \
    }
#define NONE_SET(name, type)                                                                        \
    fmi2Status fmi2Set##name(fmi2Component c, const fmi2ValueReference vr[], size_t n,               \
                             const type v[]) {                                                      \
        return n == 0 ? fmi2OK : fmi2Error;                                                         \
    }
NONE(Integer, fmi2Integer)
NONE_SET(Integer, fmi2Integer)
NONE(Boolean, fmi2Boolean)
NONE_SET(Boolean, fmi2Boolean)
NONE(String, fmi2String)
NONE_SET(String, fmi2String)

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *s) { return fmi2Error; }
fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate s) { return fmi2Error; }
fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *s) { return fmi2Error; }
fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate s, size_t *n) { return fmi2Error; }
fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate s, fmi2Byte b[], size_t n) {
    return fmi2Error;
}
fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte b[], size_t n, fmi2FMUstate *s) {
    return fmi2Error;
}
fmi2Status fmi2GetDirectionalDerivative(fmi2Component c, const fmi2ValueReference u[], size_t nu,
                                        const fmi2ValueReference k[], size_t nk,
                                        const fmi2Real du[], fmi2Real dk[]) {
    return fmi2Error;
}
fmi2Status fmi2SetRealInputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t n,
                                       const fmi2Integer o[], const fmi2Real v[]) {
    return fmi2Error;
}
fmi2Status fmi2GetRealOutputDerivatives(fmi2Component c, const fmi2ValueReference vr[], size_t n,
                                        const fmi2Integer o[], fmi2Real v[]) {
    return fmi2Error;
}
fmi2Status fmi2CancelStep(fmi2Component c) { return fmi2Error; }
fmi2Status fmi2GetStatus(fmi2Component c, const fmi2StatusKind k, fmi2Status *v) { return fmi2Discard; }
fmi2Status fmi2GetRealStatus(fmi2Component c, const fmi2StatusKind k, fmi2Real *v) { return fmi2Discard; }
fmi2Status fmi2GetIntegerStatus(fmi2Component c, const fmi2StatusKind k, fmi2Integer *v) {
    return fmi2Discard;
}
fmi2Status fmi2GetBooleanStatus(fmi2Component c, const fmi2StatusKind k, fmi2Boolean *v) {
    return fmi2Discard;
}
fmi2Status fmi2GetStringStatus(fmi2Component c, const fmi2StatusKind k, fmi2String *v) {
    return fmi2Discard;
}
