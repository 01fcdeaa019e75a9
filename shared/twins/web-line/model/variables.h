/* Made from variables.mjs by build.mjs: do not edit. */
#ifndef VARIABLES_H
#define VARIABLES_H

#define INSTANTIATION_TOKEN "002821ae0f06016d402e3fd5"

enum {
  VR_b1 = 0,
  VR_b2 = 1,
  VR_b3 = 2,
  VR_b4 = 3,
  VR_b5 = 4,
  VR_b7 = 5,
  VR_b8 = 6,
  VR_b9 = 7,
  VR_b10 = 8,
  VR_capstan1 = 9,
  VR_capstan2 = 10,
  VR_capstan3 = 11,
  VR_capstan4 = 12,
  VR_capstan5 = 13,
  VR_capstan7 = 14,
  VR_capstan8 = 15,
  VR_capstan9 = 16,
  VR_capstan10 = 17,
  VR_rollerRadius = 18,
  VR_rollerInertia = 19,
  VR_spanLength = 20,
  VR_webStiffness = 21,
  VR_microSlip = 22,
  VR_nipTension = 23,
  VR_winderTension = 24,
  VR_lineSpeed = 25,
  VR_unwindTension = 26,
  VR_pistonPressure = 27,
  VR_Roller1_w = 28,
  VR_Roller2_w = 29,
  VR_Roller3_w = 30,
  VR_Roller4_w = 31,
  VR_Roller5_w = 32,
  VR_Roller7_w = 33,
  VR_Roller8_w = 34,
  VR_Roller9_w = 35,
  VR_Roller10_w = 36,
  VR_S1_Tension_N = 37,
  VR_S2_Tension_N = 38,
  VR_S3_Tension_N = 39,
  VR_S4_Tension_N = 40,
  VR_S5_Tension_N = 41,
  VR_S6_Tension_N = 42,
  VR_S7_Tension_N = 43,
  VR_S8_Tension_N = 44,
  VR_S9_Tension_N = 45,
  VR_S10_Tension_N = 46,
  VR_S11_Tension_N = 47,
  VR_S12_Tension_N = 48,
  VR_dancerAngle = 49,
  VR_dancerRate = 50,
  VR_driveSpeed = 51,
  VR_driveAcceleration = 52,
  VR_unwindTrim = 53,
  VR_nipTrim = 54,
  VR_winderTrim = 55,
  VR_der_Roller1_w = 56,
  VR_der_Roller2_w = 57,
  VR_der_Roller3_w = 58,
  VR_der_Roller4_w = 59,
  VR_der_Roller5_w = 60,
  VR_der_Roller7_w = 61,
  VR_der_Roller8_w = 62,
  VR_der_Roller9_w = 63,
  VR_der_Roller10_w = 64,
  VR_der_S1_Tension_N = 65,
  VR_der_S2_Tension_N = 66,
  VR_der_S3_Tension_N = 67,
  VR_der_S4_Tension_N = 68,
  VR_der_S5_Tension_N = 69,
  VR_der_S6_Tension_N = 70,
  VR_der_S7_Tension_N = 71,
  VR_der_S8_Tension_N = 72,
  VR_der_S9_Tension_N = 73,
  VR_der_S10_Tension_N = 74,
  VR_der_S11_Tension_N = 75,
  VR_der_S12_Tension_N = 76,
  VR_der_dancerAngle = 77,
  VR_der_dancerRate = 78,
  VR_der_driveSpeed = 79,
  VR_der_driveAcceleration = 80,
  VR_der_unwindTrim = 81,
  VR_der_nipTrim = 82,
  VR_der_winderTrim = 83,
  VR_Roller1_SlipVelocity_mps = 84,
  VR_Roller2_SlipVelocity_mps = 85,
  VR_Roller3_SlipVelocity_mps = 86,
  VR_Roller4_SlipVelocity_mps = 87,
  VR_Roller5_SlipVelocity_mps = 88,
  VR_Roller7_SlipVelocity_mps = 89,
  VR_Roller8_SlipVelocity_mps = 90,
  VR_Roller9_SlipVelocity_mps = 91,
  VR_Roller10_SlipVelocity_mps = 92,
  VR_NR1_w = 93,
  VR_NR2_w = 94,
  VR_DancerAngle_deg = 95,
  VARIABLE_COUNT = 96,
  STATE_FIRST = 28,
  STATE_COUNT = 28,
  DERIVATIVE_FIRST = 56
};

enum { KIND_FIXED, KIND_TUNABLE, KIND_INPUT, KIND_STATE, KIND_CALCULATED };

#define VARIABLE_STARTS \
  { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.83, 1.83, 1.810231, 1.83, 1.83, 1.83, 1.83, 1.852438, 1.83, 0.05, 0.02, 1.5, 400000, 0.0001, 150, 100, 1, 100, 325956.2867, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 100, 100, 100, 100, 100, 150, 150, 150, 150, 150, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

#define VARIABLE_MINIMA \
  { -1, -1, -1, -1, -1, -1, -1, -1, -1, 1.01, 1.01, 1.01, 1.01, 1.01, 1.01, 1.01, 1.01, 1.01, 0.001, 0.0001, 0.1, 1000, 1e-9, 1, 1, 0, 1, 0, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300, -1e+300 }

#define VARIABLE_KINDS \
  { KIND_TUNABLE, KIND_TUNABLE, KIND_TUNABLE, KIND_TUNABLE, KIND_TUNABLE, KIND_TUNABLE, KIND_TUNABLE, KIND_TUNABLE, KIND_TUNABLE, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_FIXED, KIND_TUNABLE, KIND_TUNABLE, KIND_INPUT, KIND_INPUT, KIND_INPUT, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_STATE, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED, KIND_CALCULATED }

#define STATE_NOMINALS \
  { 10, 10, 10, 10, 10, 10, 10, 10, 10, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 0.001, 0.01, 1, 1, 0.001, 0.001, 0.001 }

#endif
