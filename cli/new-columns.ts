import { type CommandIo, printLine, TwinError } from '../shared/core/index.js';
import type { RecordingTable } from '../shared/recordings/index.js';
import type { Match, Proposal } from '../shared/twin/propose/index.js';
import { guessedText } from '../shared/twin/report/recording-findings.js';
import type { GuessedColumn, GuessedInput } from '../shared/twin/report/recording-summary.js';
import { ask, canAsk } from './ask.js';

/** Pairs as `--map` names them; an empty column says that a variable has none. */
export function parseMap(texts: unknown): Record<string, string> {
  const map: Record<string, string> = {};
  for (const text of Array.isArray(texts) ? (texts as string[]) : []) {
    const at = text.indexOf('=');
    const [variable, column] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
    if (at < 1) {
      throw new TwinError(
        'USAGE',
        `--map is "${text}": expected VARIABLE=COLUMN, or VARIABLE= where no column is.`,
      );
    }
    map[variable] = column;
  }
  return map;
}

/** Whether nothing but a person can settle it: columns that suit equally, units that do not convert. */
const isUndecidable = ({ equals, conflict }: Match) => equals.length > 0 || conflict !== undefined;

/** What to choose from, as it is to be typed. */
function waysOf({ variable, column, equals, conflict }: Match): string {
  const ways = [column, ...equals].map((c) => `--map ${shellWord(`${variable}=${c}`)}`);
  return `  ${ways.join(' or ')}${conflict === undefined ? '' : ` (${conflict})`}, or --map ${variable}= for none`;
}

const shellWord = (text: string) =>
  /^[\w.=/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Settles what is a weak guess: asks, or takes it where `--yes` says so, or says how to tell. Between equals
 * `--yes` takes none.
 *
 * @returns what was answered, and what `--yes` took
 */
export async function settleColumns(
  proposal: Proposal,
  table: RecordingTable,
  args: Record<string, unknown>,
  io: CommandIo,
): Promise<{ answers: Record<string, string>; guessed: GuessedColumn[] }> {
  const unsure = proposal.matches.filter((m) => !m.sure);
  if (unsure.length === 0) return { answers: {}, guessed: [] };
  if (!canAsk(io, args)) {
    const open = args.yes === true ? unsure.filter(isUndecidable) : unsure;
    if (open.length === 0) {
      const guessed = unsure.map(({ variable, column, because }) => ({
        variable,
        column,
        because,
      }));
      printLine(io.stderr, `Weak guesses that --yes takes: ${guessedText(guessed)}`);
      return { answers: {}, guessed };
    }
    const yes =
      args.yes === true
        ? ', and --yes takes no guess between equals, nor a unit that does not convert'
        : open.some(isUndecidable)
          ? ''
          : ', take it so by --yes or say it';
    throw new TwinError(
      'USAGE',
      `It is not sure which column is which${yes}. For each variable:\n${open.map(waysOf).join('\n')}`,
    );
  }
  const answers: Record<string, string> = {};
  const columns = table.columns.map((c) => c.label);
  for (const { variable, column, because } of unsure) {
    for (;;) {
      const answer = await ask(
        `Which column is ${variable}? Enter takes ${column} (${because}); others: ${columns.filter((c) => c !== column).join(', ')}\n> `,
        io,
      );
      const chosen = answer === '' ? column : answer;
      if (columns.includes(chosen)) {
        answers[variable] = chosen;
        break;
      }
      printLine(io.stderr, `There is no column "${chosen}".`);
    }
  }
  return { answers, guessed: [] };
}

/** Inputs of no column that nobody said have none, while columns are of no variable. */
export function inputsLeft(
  { inputs, unusedColumns }: Proposal,
  map: Readonly<Record<string, string>>,
): GuessedInput[] {
  if (unusedColumns.length === 0) return [];
  return inputs.flatMap(({ item: { variable, value } }) =>
    value === undefined || map[variable] === ''
      ? []
      : [{ variable, value, columns: unusedColumns }],
  );
}
