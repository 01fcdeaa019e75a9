import { MOVED, OFFSET } from '../../report/cross-check.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import type { Fit } from '../fitting/fit.js';
import { CERTAIN } from '../residuals/lack-of-fit.js';
import { movesOf, sensorNoise } from './hangs-on.js';

/** Share of a reading that a sensor's or an input's scale may be off by without being odd: a common class of accuracy. */
export const OFF_SCALE = 0.01;

/**
 * What is said of an error of a signal that would pass unseen.
 *
 * @param field of the definition that states how large it may be
 */
export const restsOnText = (
  of: string,
  share: string,
  most: { name: string; by: number },
  field: string,
): string =>
  `Rests on the ${of}: an error of ${share} would pass unseen, and moves ${most.name} by ${most.by.toPrecision(2)} deviations. State how far it may be off as ${field}, 0 where it is known to be right: bands then hold it.`;

/** Offsets and drifts of sensors that the residuals would not show, and that would move a parameter. */
function unseenErrors(twin: Twin, fit: Fit) {
  return fit.misfit.sensors.flatMap((error) => {
    const { variable, offsetStd, unit } = twin.definition.measured[error.channel]!;
    const size = OFFSET * sensorNoise(twin, fit, error.channel);
    // Who states an offset knows of it.
    if (offsetStd !== undefined || size > CERTAIN * error.std) return [];
    const moved = movesOf(twin, fit, error).filter(({ by }) => by > MOVED);
    const most = moved.toSorted((a, b) => b.by - a.by)[0];
    return most === undefined ? [] : [{ kind: error.kind, variable, unit, size, moved, most }];
  });
}

/** Names errors of sensors that the residuals would not show, and that would move a parameter. */
export function unseenFindings(twin: Twin, fit: Fit): Finding[] {
  const unseen = unseenErrors(twin, fit);
  return unseen
    .filter((u) => !unseen.some((v) => v.variable === u.variable && v.most.by > u.most.by))
    .map(({ kind, variable, unit, size, most }) => ({
      grade: 'care',
      reason: `${kind === 'offset' ? 'an offset' : 'a drift'} of ${variable} would pass unseen: one of ${size.toPrecision(2)}${unit === '' ? '' : ` ${unit}`} (${OFFSET} times its noise${kind === 'offset' ? '' : ', along the record'}) moves ${most.name} by ${most.by.toPrecision(2)} deviations${most.ofWhite ? ' of a band without the residuals’ memory, which may be that error' : ''}; state how far the sensor may be off as measured[].offsetStd, 0 where it is known to be right`,
      about: unseen.flatMap((u) => (u.variable === variable ? u.moved.map((m) => m.name) : [])),
    }));
}

/**
 * Scales of sensors that the fit rests on: what a parameter makes of a reading that is off by a share of itself
 * leaves no residual. Most sensors have a parameter that does, so it is a remark, not a doubt. Where an offset
 * would pass unseen as well, that says more. `scaleStd` states it, and `offsetStd: 0` that the sensor is right in all.
 */
export function scaleNotes(twin: Twin, fit: Fit): string[] {
  const named = new Set(unseenErrors(twin, fit).map(({ variable }) => variable));
  return fit.misfit.gains.flatMap((error) => {
    const { variable, offsetStd, scaleStd } = twin.definition.measured[error.channel]!;
    const size = OFF_SCALE * error.most;
    if (scaleStd !== undefined || offsetStd === 0) return [];
    if (named.has(variable) || size > CERTAIN * error.std) return [];
    const most = movesOf(twin, fit, error, size).toSorted((a, b) => b.by - a.by)[0];
    if (most === undefined || most.by <= MOVED) return [];
    const share = `${100 * OFF_SCALE} %`;
    return [restsOnText(`scale of ${variable}`, share, most, 'measured[].scaleStd')];
  });
}
