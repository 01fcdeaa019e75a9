import { messageOf, TwinError } from '../../core/index.js';

/** A cell as the text that the reader takes. */
function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  // A workbook's dates carry no zone: the library tells them as if they were UTC. It cuts fractions of
  // a millisecond off, where a full second's days as a double may lie just below it.
  if (value instanceof Date) {
    const ms = value.getTime();
    const full = ms % 1000 === 999 ? ms + 1 : ms;
    return Number.isFinite(full) ? new Date(full).toISOString().slice(0, 23) : '';
  }
  return String(value);
}

/**
 * The rows of a sheet of an .xlsx workbook, as texts.
 *
 * @param sheet its name; default: the first
 * @throws TwinError `FILE_INVALID`, `USAGE`
 */
export async function workbookRows(path: string, sheet: string | undefined): Promise<string[][]> {
  const { default: readXlsxFile } = await import('read-excel-file/node');
  let sheets: Awaited<ReturnType<typeof readXlsxFile>>;
  try {
    sheets = await readXlsxFile(path);
  } catch (error) {
    throw new TwinError(
      'FILE_INVALID',
      `Could not read the workbook ${path}: ${messageOf(error)}. Expected .xlsx; export it as CSV.`,
      { cause: error },
    );
  }
  const found = sheet === undefined ? sheets[0] : sheets.find((s) => s.sheet === sheet);
  if (found === undefined) {
    throw new TwinError(
      'USAGE',
      `${path} has no sheet "${sheet}": it has ${sheets.map((s) => s.sheet).join(', ')}.`,
    );
  }
  return found.data.map((row) => row.map(cellText));
}
