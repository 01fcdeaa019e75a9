import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import { packageFile } from '../../shared/core/index.js';
import { platformFolders } from '../../shared/fmi/description/platform.js';

/** Steps of the solver in gross slip until one fails, and the process with it. */
const STEPS_TO_FAILURE = 2000;
/** Share of the parameter points in gross slip at which every run fails, in a fresh process too. */
const HOPELESS = 0.01;

/**
 * The line's own solver, but for gross slip: there it gives up now and then, as solvers with a
 * limited number of iterations do, and what it leaves in static memory spoils all later runs of the
 * process; and at some points no run ends well.
 */
const FAILING_STEP = `#include <math.h>
#include "fmi2Functions.h"
#undef fmi2DoStep
#define fmi2DoStep sound_step
#include "fmi2.c"
#undef fmi2DoStep
static int broken;
static unsigned steps;
FMI2_Export fmi2Status fmi2DoStep(fmi2Component c, fmi2Real t, fmi2Real h, fmi2Boolean last) {
  if (broken) return fail(SELF, "The solver is not initialised.");
  if (sound_step(c, t, h, last) != fmi2OK) return fmi2Error;
  fmi2ValueReference slips[9];
  const fmi2ValueReference drag = VR_b9;
  double slip[9], b, ignored;
  for (int k = 0; k < 9; k++) slips[k] = VR_Roller1_SlipVelocity_mps + k;
  fmi2GetReal(c, slips, 9, slip);
  fmi2GetReal(c, &drag, 1, &b);
  for (int k = 0; k < 9; k++) {
    if (slip[k] < 1e-3) continue;
    if (modf(fabs(b) * 1e6, &ignored) < ${HOPELESS}) return fail(SELF, "Step size below its least.");
    broken = ++steps % ${STEPS_TO_FAILURE} == 0;
    return broken ? fail(SELF, "Too many iterations: the error test failed.") : fmi2OK;
  }
  return fmi2OK;
}
`;

/**
 * Builds the web line's FMU with a solver that fails in gross slip.
 *
 * @returns its path, alone in a temporary folder, which is the caller's to remove
 */
export function buildFailingWebLine(): string {
  const parts = unzipSync(readFileSync(packageFile('shared/twins/web-line/web-line.fmu')));
  const folder = mkdtempSync(join(tmpdir(), 'twinloop-failing-web-line-'));
  const sources = join(folder, 'sources');
  mkdirSync(sources);
  try {
    for (const [name, content] of Object.entries(parts)) {
      if (name.startsWith('sources/')) writeFileSync(join(folder, name), content);
    }
    writeFileSync(join(sources, 'failing.c'), FAILING_STEP);
    const library = join(folder, 'library');
    const files = ['instance.c', 'rosenbrock.c', 'web_line.c', 'failing.c'];
    execFileSync('cc', ['-O2', '-shared', '-fPIC', '-w', '-o', library, ...files, '-lm'], {
      cwd: sources,
    });
    const binary = Object.keys(parts).find((name) =>
      name.startsWith(`binaries/${platformFolders()[0]}/`),
    )!;
    const path = join(folder, 'failing-web-line.fmu');
    const archive = {
      'modelDescription.xml': parts['modelDescription.xml']!,
      [binary]: new Uint8Array(readFileSync(library)),
    };
    writeFileSync(path, zipSync(archive));
    return path;
  } finally {
    rmSync(sources, { recursive: true });
  }
}
