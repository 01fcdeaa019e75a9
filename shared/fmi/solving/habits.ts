/** What the importer does for FMUs that do not do as the standard says, and what it then says. */

/** Known beforehand of an FMU, so that no process finds it out again. */
export interface FmuHabits {
  /** Reset does not bring it back: a new instance for each run. */
  freshInstance?: true;
}

/** Said at the first reuse of an instance that reset does not bring back. */
export const RESET_FAILS =
  'fmi2Reset or fmi3Reset does not bring this FMU back to its start; it is instantiated anew for each run.';

/** Said of start values that were lost on the way into initialization mode. */
export const setAgainText = (names: readonly string[]): string =>
  `${names.length === 1 ? 'A start value was' : 'Start values were'} lost on the way into initialization mode and set again: ${names.join(', ')}.`;

/** The names in what {@link setAgainText} says; `undefined` for other texts. */
export function namesSetAgain(text: string): string[] | undefined {
  return /lost on the way into initialization mode and set again: (.*)\.$/
    .exec(text)?.[1]
    ?.split(', ');
}

const UNNAMED = 'continuous states, its description names';

/** Said of an FMU with continuous states whose derivatives its description does not name. */
export const unnamedStatesText = (states: number, named: number): string =>
  `The FMU has ${states} ${UNNAMED} ${named} (ModelStructure: ContinuousStateDerivative, with \`derivative\` at its variable): no run can begin from given values of the others.`;

/** Whether a text is what {@link unnamedStatesText} says. */
export const isUnnamedStatesText = (text: string): boolean => text.includes(UNNAMED);
