import { durationText, silentLogger } from '../../core/index.js';
import { initialNoise } from '../filter/initial-noise.js';
import { integrationError } from '../model/integration-error.js';
import { openTwinFmu } from '../model/twin-fmu.js';
import type { Sample, Twin } from '../types.js';

/** A step of a run that follows the recording's inputs. */
export interface RunStep {
  stepSizeS: number;
  /** What was seen at the step before, in words. */
  because: string;
}

/** Share of a channel's noise that a step may cost. */
const BEARABLE = 0.1;
/** Share of a channel's range beyond which what looks like its noise may be what its inputs do to it. */
const ROUGH = 0.003;
/** Halvings at most: a run takes so many doublings of its calls. */
const MOST_HALVINGS = 6;
/** Halving that leaves more than this share of the error does not mend it. */
const MENDS = 0.7;
/** An error is about twice what half the step changes. */
const OF_HALF = 2;
/** Places of the recording that are run along. */
const PLACES = 3;
/** Rows of each: as many as the error is measured along. */
const ROWS = 50;

/**
 * Finds a communication step at which a moving machine's model follows its inputs. An FMU keeps an input
 * through a step, so that where inputs run as straight lines a step as long as a row answers that of its
 * middle: what the machine does within a row is missed, and no noise of a sensor accounts for that.
 *
 * @param samples of a recording
 * @returns undefined where the twin's own step will do, or a shorter one mends nothing
 */
export async function runStep(
  twin: Twin,
  samples: readonly Sample[],
  options: { signal?: AbortSignal } = {},
): Promise<RunStep | undefined> {
  const { definition } = twin;
  const { simulation } = definition;
  if (simulation.mode !== 'transient' || simulation.interface !== 'cs') return undefined;
  const noise = initialNoise(definition, samples).map((std, i) => {
    const values = samples.map((s) => s.measured[i]!).filter(Number.isFinite);
    const range = Math.max(...values) - Math.min(...values);
    return range > 0 ? Math.min(std, ROUGH * range) : std;
  });
  const apart = Math.max(0, samples.length - ROWS) / (PLACES - 1);
  const places = Array.from({ length: PLACES }, (_, k) => {
    const from = Math.floor(k * apart);
    return samples.slice(from, from + ROWS);
  });
  const opened = await openTwinFmu(twin, { lanes: 1, logger: silentLogger });
  /** The channel that a step costs most, in its noise; undefined where the model fails at the step. */
  const costOf = async (stepSizeS: number) => {
    let most = { share: 0, channel: 0 };
    for (const place of places) {
      const at = {
        ...twin,
        definition: { ...definition, simulation: { ...simulation, stepSizeS } },
      };
      const { std, unknown } = await integrationError(at, opened, place, options.signal);
      if (unknown !== undefined) return undefined;
      definition.measured.forEach(({ variable }, channel) => {
        const share = (OF_HALF * (std[variable] ?? 0)) / noise[channel]!;
        if (share > most.share) most = { share, channel };
      });
    }
    return most;
  };
  try {
    const own = await costOf(simulation.stepSizeS);
    if (own !== undefined && own.share <= BEARABLE) return undefined;
    let best = own && { stepSizeS: simulation.stepSizeS, share: own.share };
    for (let k = 1; k <= MOST_HALVINGS && !(best && best.share <= BEARABLE); k++) {
      const stepSizeS = simulation.stepSizeS / 2 ** k;
      const cost = await costOf(stepSizeS);
      // At a long step a solver may be unstable, at a short one it is not.
      if (cost === undefined && best === undefined) continue;
      if (cost === undefined || (best && cost.share > MENDS * best.share)) break;
      best = { stepSizeS, share: cost.share };
    }
    if (best === undefined || best.stepSizeS === simulation.stepSizeS) return undefined;
    return {
      stepSizeS: best.stepSizeS,
      because: `steps of ${durationText(best.stepSizeS)}: at ${durationText(simulation.stepSizeS)} ${offText()}`,
    };

    function offText(): string {
      if (own === undefined) return 'the model fails along the inputs';
      const { variable, unit } = definition.measured[own.channel]!;
      const off = Number((own.share * noise[own.channel]!).toPrecision(2));
      return `runs along the inputs are off by about ${off}${unit === '' ? '' : ` ${unit}`} in ${variable}`;
    }
  } finally {
    await opened.close();
  }
}
