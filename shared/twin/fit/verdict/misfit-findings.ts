import { instantText } from '../../report/time-axis.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import type { Fit } from '../fitting/fit.js';
import { CERTAIN, isCertain, likeliestError, misfitScore } from '../residuals/lack-of-fit.js';
import { levelStep } from '../residuals/level-step.js';
import { varyingFindings } from '../residuals/varying.js';
import { unseenFindings } from '../unseen/unseen-sensor-errors.js';

/** That one step of its level would explain what is too much in a channel's residuals. */
function stepText({ record, prediction }: Fit, channel: number, unit: string): string {
  const { channels, data, timesS } = record;
  const residuals = Float64Array.from(timesS, (_, row) => {
    const k = row * channels + channel;
    return data[k]! - prediction[k]!;
  });
  const step = levelStep(residuals);
  if (step === undefined) return '';
  const size = Math.abs(step.by).toPrecision(2);
  return `, as if it read ${size}${unit === '' ? '' : ` ${unit}`} ${step.by > 0 ? 'more' : 'less'} from ${instantText(timesS[step.row]!)} on: was the sensor replaced or set anew there?`;
}

/**
 * What residuals, and errors of sensors that no residual would show, say against the model.
 *
 * @param named channels whose misfit has a cause that is named already: the model lacks nothing for it
 */
export function misfitFindings(
  twin: Twin,
  fit: Fit,
  named: Pick<ReadonlySet<number>, 'has'>,
): Finding[] {
  const { measured } = twin.definition;
  const { misfit } = fit;
  const findings: Finding[] = [];
  const care = (reason: string, about: string[]) =>
    void findings.push({ grade: 'care', reason, about });
  const shown = likeliestError(misfit);
  if (shown !== undefined && isCertain(shown)) {
    const { variable, noiseStd, unit } = measured[shown.channel]!;
    const size = Math.abs(shown.size).toPrecision(2);
    const times =
      noiseStd === undefined
        ? ''
        : `, ${(Math.abs(shown.size) / noiseStd).toPrecision(2)} times its noise`;
    const what =
      shown.kind === 'offset'
        ? `reads ${size}${unit === '' ? '' : ` ${unit}`} ${shown.size > 0 ? 'more' : 'less'} than the model can have it${times}`
        : `drifts against the model by ${size}${unit === '' ? '' : ` ${unit}`} along the record${times}`;
    care(
      `${variable} ${what}: an error of the sensor, or a term that the model lacks; the bands hold with either`,
      [variable],
    );
  }
  misfit.channels.forEach(({ size, memory, pattern, follows, outliers }, c) => {
    const { variable, noiseStd, unit } = measured[c]!;
    if (outliers > 0) {
      care(
        `${variable}: ${outliers} ${outliers === 1 ? 'value lies' : 'values lie'} far beyond the noise: outliers`,
        [variable],
      );
    }
    const worst = misfitScore({ size, memory, pattern });
    if (worst < CERTAIN || named.has(c)) return;
    const how =
      worst === pattern
        ? `follow ${follows}`
        : worst === memory
          ? 'follow each other'
          : `are ${(fit.noiseStd[c]! / noiseStd!).toPrecision(3)} times the stated noise`;
    care(
      `${variable}: the model lacks something: its residuals ${how} (${Number(worst.toPrecision(2))} deviations from chance)${stepText(fit, c, unit)}`,
      [variable],
    );
  });
  fit.coordinates.forEach(({ kind, name }, j) => {
    const by = misfit.channels.flatMap(({ carried }, c) =>
      kind === 'parameter' && carried[j]! >= CERTAIN && !named.has(c)
        ? [measured[c]!.variable]
        : [],
    );
    if (by.length === 0) return;
    care(
      `${name} is not to be trusted: the misfit of ${by.join(', ')} lies in its direction, as if it were another along the record`,
      [name],
    );
  });
  // Noise of an input that was found is what residuals follow.
  const explained =
    (fit.inputNoise?.found.length ?? 0) > 0 || misfit.channels.every((_, c) => named.has(c));
  const { varying } = misfit;
  const isNamed = misfit.channels.some(
    ({ carried }) => varying !== undefined && carried[varying.unknown]! >= CERTAIN,
  );
  if (!explained && !isNamed) findings.push(...varyingFindings(fit.coordinates, varying));
  findings.push(...unseenFindings(twin, fit));
  return findings;
}
