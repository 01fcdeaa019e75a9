/* What a small FMI 2 co-simulation FMU of Reals needs beside its equations. Included by a model, which
   has before it:

     enum { ..., COUNT };                 its variables; a value reference is its place
     static const double START[COUNT];    start values
     static void evaluate(double *v);     outputs from states, inputs and parameters
     static void step(double *v, double h);  moves the states on by h seconds */
#include <stdlib.h>
#include <string.h>
#include "fmi2Functions.h"

typedef struct {
    double v[COUNT];
} Instance;

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
    evaluate(((Instance *)c)->v);
    return fmi2OK;
}
fmi2Status fmi2Terminate(fmi2Component c) { return fmi2OK; }
fmi2Status fmi2Reset(fmi2Component c) {
    memcpy(((Instance *)c)->v, START, sizeof START);
    return fmi2OK;
}

fmi2Status fmi2GetReal(fmi2Component c, const fmi2ValueReference vr[], size_t n, fmi2Real value[]) {
    double *v = ((Instance *)c)->v;
    evaluate(v);
    for (size_t i = 0; i < n; i++) {
        if (vr[i] >= COUNT) return fmi2Error;
        value[i] = v[vr[i]];
    }
    return fmi2OK;
}
fmi2Status fmi2SetReal(fmi2Component c, const fmi2ValueReference vr[], size_t n,
                       const fmi2Real value[]) {
    for (size_t i = 0; i < n; i++) {
        if (vr[i] >= COUNT) return fmi2Error;
        ((Instance *)c)->v[vr[i]] = value[i];
    }
    return fmi2OK;
}
fmi2Status fmi2DoStep(fmi2Component c, fmi2Real t, fmi2Real h, fmi2Boolean noSetState) {
    double *v = ((Instance *)c)->v;
    step(v, h);
    evaluate(v);
    return fmi2OK;
}

/* A state is a copy of the instance; it holds no pointers, so its bytes are its serial form. */
fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *s) {
    if (*s == NULL) *s = malloc(sizeof(Instance));
    if (*s == NULL) return fmi2Error;
    memcpy(*s, c, sizeof(Instance));
    return fmi2OK;
}
fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate s) {
    memcpy(c, s, sizeof(Instance));
    return fmi2OK;
}
fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *s) {
    free(*s);
    *s = NULL;
    return fmi2OK;
}
fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate s, size_t *n) {
    *n = sizeof(Instance);
    return fmi2OK;
}
fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate s, fmi2Byte b[], size_t n) {
    if (n < sizeof(Instance)) return fmi2Error;
    memcpy(b, s, sizeof(Instance));
    return fmi2OK;
}
fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte b[], size_t n, fmi2FMUstate *s) {
    if (n != sizeof(Instance)) return fmi2Error;
    return fmi2GetFMUstate((fmi2Component)b, s);
}

/* What such a model has none of. */
#define NONE(name, type)                                                                            \
    fmi2Status fmi2Get##name(fmi2Component c, const fmi2ValueReference vr[], size_t n, type v[]) {   \
        return n == 0 ? fmi2OK : fmi2Error;                                                         \
    }                                                                                               \
    fmi2Status fmi2Set##name(fmi2Component c, const fmi2ValueReference vr[], size_t n,               \
                             const type v[]) {                                                      \
        return n == 0 ? fmi2OK : fmi2Error;                                                         \
    }
NONE(Integer, fmi2Integer)
NONE(Boolean, fmi2Boolean)
NONE(String, fmi2String)
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
#define NO_STATUS(name, type)                                                                       \
    fmi2Status fmi2Get##name(fmi2Component c, const fmi2StatusKind k, type *v) { return fmi2Discard; }
NO_STATUS(Status, fmi2Status)
NO_STATUS(RealStatus, fmi2Real)
NO_STATUS(IntegerStatus, fmi2Integer)
NO_STATUS(BooleanStatus, fmi2Boolean)
NO_STATUS(StringStatus, fmi2String)
