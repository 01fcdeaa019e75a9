import type { TwinDefinition } from '../../config/index.js';
import { type Bank, newBank, predictBank } from '../filter/bank.js';
import { filterUpdate } from '../filter/filter.js';
import { initialInputNoise, unstatedInputs, updateInputNoise } from '../filter/input-noise.js';
import type { ModeSet } from '../filter/modes.js';
import { predict } from '../filter/predict.js';
import type { FilterSettings } from '../filter/settings.js';
import { misreadInputs, statedErrorStd, updateInputSlopes } from '../filter/stated-inputs.js';
import type { TwinModel } from '../types.js';
import type { Assimilate } from './assimilate.js';

/** A state's bank, if it is one of these modes: a definition may have changed since. */
function bankOf(bank: Bank | undefined, { modes }: ModeSet): Bank | undefined {
  return bank?.weights.length === modes.length ? bank : undefined;
}

/** Takes samples as states of rest: the model is run until it settles. */
export function steadyAssimilation(
  model: TwinModel,
  settings: FilterSettings,
  { inputs: definitions }: TwinDefinition,
): Assimilate {
  const unstated = unstatedInputs(definitions);
  const misread = misreadInputs(definitions);
  return async ({ state, sample, measured, dtS, withinBounds, memory, signal }) => {
    const a = state.filter;
    const m = a.noiseStd.length;
    const account = a.inputNoise ?? initialInputNoise(m, unstated.length);
    const inputNoise = Float64Array.from(definitions, (input, i) => {
      const found = unstated.indexOf(i);
      return input.noiseStd ?? (found < 0 ? 0 : account.used[found]!);
    });
    const noisy = [...inputNoise.keys()].filter((i) => inputNoise[i]! > 0);
    const { modes } = settings;
    const carried =
      modes === undefined
        ? undefined
        : predictBank(modes, bankOf(a.bank, modes) ?? newBank(modes, a), dtS, settings);
    const prior = carried?.calm ?? predict(a, dtS, settings);
    const filtered = await filterUpdate({
      predicted: prior,
      bank: carried?.bank,
      measured,
      noiseStd: a.noiseStd,
      suspicion: a.suspicion,
      evaluate: (points) => model.evaluate(points, sample.inputs, signal),
      settings,
      withinBounds,
      memory,
      noisyInputs: {
        count: noisy.length,
        async evaluate(point, k, deviations) {
          const inputs = sample.inputs.slice();
          inputs[noisy[k]!]! += deviations * inputNoise[noisy[k]!]!;
          return (await model.evaluate([point], inputs, signal))[0]!;
        },
      },
      lines: settings.reuse ? { lines: a.lines, inputs: sample.inputs } : undefined,
    });
    /** The model at the point of linearisation, one input moved. */
    const moved = async (input: number, by: number) => {
      const inputs = sample.inputs.slice();
      inputs[input]! += by;
      const { centre } = filtered.linearisation;
      return (await model.evaluate([centre], inputs, signal))[0]!;
    };
    const asked = misread.length > 0 && !filtered.rejected && filtered.active.length > 0;
    const followed = asked
      ? await updateInputSlopes(
          a.inputSlopes,
          sample.inputs,
          misread.map((i) => statedErrorStd(definitions[i]!, sample.inputs[i]!)),
          filtered.linearisation.mean.length,
          (k, by) => moved(misread[k]!, by),
        )
      : undefined;
    const more = followed?.modelRuns ?? 0;
    const inputSlopes = followed && { inputSlopes: followed.slopes };
    if (unstated.length === 0) {
      return {
        prior,
        filtered: more === 0 ? filtered : { ...filtered, modelRuns: filtered.modelRuns + more },
        ...inputSlopes,
      };
    }
    const before = a.inputs;
    const { noise, modelRuns } = await updateInputNoise(account, {
      prior,
      filtered,
      measured,
      inputs: unstated.map((i) => sample.inputs[i]!),
      before: before === undefined ? [] : unstated.map((i) => before[i]!),
      noiseStd: a.firstNoise ?? a.noiseStd,
      evaluate: (k, by) => moved(unstated[k]!, by),
    });
    const { lines, ...rest } = filtered;
    // Lines hold what the noise of inputs does: where that changes they are none to go on from.
    const holds = lines !== undefined && noise.used.every((v, i) => v === account.used[i]);
    return {
      prior,
      filtered: {
        ...rest,
        ...(holds && { lines }),
        modelRuns: filtered.modelRuns + modelRuns + more,
      },
      inputNoise: noise,
      ...inputSlopes,
    };
  };
}
