/** A value to four digits, without an exponent where it can be read without; `none` where there is none. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  const text = value.toPrecision(4);
  return text.includes('e') ? String(Number(text)) : text;
}
