import type { Twin } from '../../shared/twin/index.js';
import type { OutlookInput } from './browser/protocol.js';
import { labelOf } from './describe-machine.js';
import type { Reading } from './strays.js';

/** An input's newest value. */
export interface InputNow {
  variable: string;
  value: number;
}

/** How far an input may be tried where its definition sets no range, as a share of today's value. */
const TRY_SHARE = 0.3;

/** Inputs that follow a stream, at their newest readings; those without one stay out. */
export function inputsNow(twin: Twin, readings: ReadonlyMap<string, Reading>): InputNow[] {
  return twin.definition.inputs.flatMap(({ variable, value: fixed }): InputNow[] => {
    const value = readings.get(`input:${variable}`)?.value;
    return fixed !== undefined || value === undefined ? [] : [{ variable, value }];
  });
}

/** What may be tried of each input, with its value today and where that comes from. */
export function tryableInputs(
  twin: Twin,
  today: Readonly<Record<string, number>>,
  tried: Readonly<Record<string, number>>,
  assumed: readonly { variable: string; from: string }[],
): OutlookInput[] {
  return twin.definition.inputs.flatMap((input): OutlookInput[] => {
    const { variable, unit } = input;
    const now = today[variable] ?? input.value;
    const value = tried[variable];
    if (now === undefined || value === undefined) return [];
    const guess = assumed.find((a) => a.variable === variable);
    const source =
      guess !== undefined
        ? guess.from === 'the last sample'
          ? 'the last calibration'
          : "the FMU's start value"
        : today[variable] === undefined
          ? 'the definition'
          : 'the last measurement';
    const range = twin.definition.decisions?.inputs.find((d) => d.variable === variable);
    const reach = TRY_SHARE * Math.abs(now) || 1;
    return [
      {
        variable,
        label: input.label ?? labelOf(variable, unit),
        unit,
        value,
        today: now,
        source,
        lower: range?.lower ?? now - reach,
        upper: range?.upper ?? now + reach,
      },
    ];
  });
}
