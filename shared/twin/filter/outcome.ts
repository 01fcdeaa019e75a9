import { type BankUpdate, newBank } from './bank.js';
import type { Accepted, FirstLook, Rejection } from './belief.js';
import type { FilterStep } from './step.js';

/** The outcome of a sample that was accepted. */
export function acceptedStep(look: FirstLook, accepted: Accepted): FilterStep {
  const { posterior, update, byModes } = accepted;
  const { modes } = look.observation.settings;
  const bank = look.bank && modes && (byModes?.bank ?? accepted.bank ?? newBank(modes, posterior));
  return {
    ...commonStep(look),
    ...(bank === undefined ? {} : { bank }),
    ...linesFrom(look, accepted),
    ...(accepted.undone ? { undone: true } : {}),
    ...(accepted.regimeChange && look.bank && !accepted.undone ? { beforeChange: look.prior } : {}),
    ...(byModes === undefined ? {} : modesSay(byModes)),
    posterior: { x: posterior.x, S: posterior.S },
    linearisation: accepted.linearisation,
    nis: update.nis,
    logLikelihood: update.logLikelihood,
    noiseShare: byModes?.noiseShare ?? look.noiseShare,
    gated: [...accepted.gated],
    regimeChange: accepted.regimeChange,
    nonlinearity: accepted.nonlinearity,
    mismatch: accepted.mismatch,
    rejected: false,
    outOfReach: false,
  };
}

/** For the next sample: to begin from, or to look again beside, where this one had to be led there. */
function linesFrom(
  { observation: { lines }, linearisation }: FirstLook,
  accepted: Accepted,
): Pick<FilterStep, 'lines'> {
  if (lines === undefined) return {};
  if (accepted.linearisation === linearisation) return { lines };
  const { centre } = accepted.linearisation;
  return lines.centre.every((v, i) => v === centre[i]) ? { lines: { ...lines, local: true } } : {};
}

function modesSay({ z, noiseScale, noiseExcess, scatter }: BankUpdate): Partial<FilterStep> {
  return { z, noiseScale, noiseExcess, scatter };
}

/** The outcome of a sample that is left out. */
export function rejectedStep(look: FirstLook, rejection: Rejection): FilterStep {
  const { kept, linearisation, update, outOfReach } = rejection;
  return {
    ...commonStep(look),
    posterior: kept,
    linearisation,
    nis: update.nis,
    logLikelihood: update.logLikelihood,
    noiseShare: new Float64Array(look.update.z.length),
    gated: [],
    regimeChange: false,
    nonlinearity: 0,
    mismatch: true,
    rejected: true,
    outOfReach,
  };
}

function commonStep({ observation, update }: FirstLook) {
  const { active, modelRuns, refusedBeyond } = observation;
  return { active: [...active], z: update.z, modelRuns, refusedBeyond };
}
