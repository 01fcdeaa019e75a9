/** A value as JSON for machines, ended by a line feed; bigints, as in nanosecond times, become strings. */
export function jsonText(value: unknown, indent: number): string {
  const text = JSON.stringify(
    value,
    (_key, v) => (typeof v === 'bigint' ? v.toString() : v),
    indent,
  );
  return `${text}\n`;
}
