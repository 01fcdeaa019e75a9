import type { TwinDefinition } from '../../shared/config/index.js';
import type { SceneRule } from './scene-document.js';

type Limited = Pick<TwinDefinition['virtualSensors'][number], 'variable' | 'alarm'>;

const COLOUR = 'iottwinmaker.common.color:';
/** The colours of the monitor's scale, from unremarkable to past the limit. */
const [CALM, NOTICED, NEAR, PASSED] = ['#9fb6c3', '#e6c35c', '#e07b2f', '#9c2142'];
const ERROR_ICON = 'iottwinmaker.common.icon:Error';
const INFO_ICON = 'iottwinmaker.common.icon:Info';

/**
 * Colours by a value's way to its limit, in thirds where it begins at nothing, as drag does.
 *
 * @returns undefined for what has no limit
 */
export function colourRule(
  { variable, alarm }: Limited,
  beginsAtNothing: boolean,
): SceneRule | undefined {
  const { above, below } = alarm ?? {};
  const statements: SceneRule['statements'] = [];
  const add = (expression: string, colour: string | undefined) =>
    statements.push({ expression, target: `${COLOUR}${colour}` });
  if (above !== undefined) add(`${variable} > ${literal(above)}`, PASSED);
  if (below !== undefined) add(`${variable} < ${literal(below)}`, PASSED);
  if (statements.length === 0) return undefined;
  if (above !== undefined && above > 0 && beginsAtNothing) {
    add(`${variable} > ${literal(round((above * 2) / 3))}`, NEAR);
    add(`${variable} > ${literal(round(above / 3))}`, NOTICED);
  }
  add('true', CALM);
  return { statements };
}

/**
 * Changes a tag once a limit is passed with 95 % certainty, as the twin's alarms do: by the lower
 * bound of what must not rise, the upper bound of what must not fall.
 *
 * @returns with the property that the tag shows; undefined for what has no limit
 */
export function tagRule({
  variable,
  alarm,
}: Limited): (SceneRule & { property: string }) | undefined {
  const { above, below } = alarm ?? {};
  const statements: SceneRule['statements'] = [];
  if (above !== undefined) {
    statements.push({ expression: `${variable}_lower > ${literal(above)}`, target: ERROR_ICON });
  }
  if (below !== undefined) {
    statements.push({ expression: `${variable}_upper < ${literal(below)}`, target: ERROR_ICON });
  }
  if (statements.length === 0) return undefined;
  statements.push({ expression: 'true', target: INFO_ICON });
  const bound = above === undefined ? 'upper' : 'lower';
  return { statements, property: `${variable}_${bound}` };
}

/** Seven digits are more than enough for a colour. */
function round(value: number): number {
  return Number(value.toPrecision(7));
}

/** A number as the language of the rules takes it: it knows no exponents. */
function literal(value: number): string {
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const places = (mantissa.split('.')[1]?.length ?? 0) - Number(exponent);
  return places > 0 ? value.toFixed(Math.min(100, places)) : BigInt(value).toString();
}
