/** Where the arguments of a variadic C call come from, in the order the callee would take them. */
export interface PrintfArguments {
  /** The next integer or pointer argument as 64 bits, signed. */
  nextInteger(): bigint;
  nextDouble(): number;
  /** The text a `char *` points to. */
  readText(pointer: bigint): string;
}

/** Parts of one conversion specification of C's printf. */
const SPECIFICATION =
  /%([-+ #0']*)(\*|\d+)?(?:\.(\*|\d*))?(hh|h|ll|l|L|q|j|z|t|I64|I32)?([diouxXeEfFgGaAcspn%])/g;

/** Widths and precisions beyond this are a fault of the caller, not a wish for padding. */
const MAX_WIDTH = 4096;

/**
 * Formats as C's printf would (C17, 7.21.6.1), with the arguments of a call that was already made.
 *
 * @param format the format string
 */
export function formatPrintf(format: string, args: PrintfArguments): string {
  return format.replace(
    SPECIFICATION,
    (
      _whole,
      flags: string,
      widthText: string | undefined,
      precisionText: string | undefined,
      length: string | undefined,
      conversion: string,
    ) => {
      if (conversion === '%') return '%';
      let left = flags.includes('-');
      let width = 0;
      if (widthText === '*') {
        width = Number(BigInt.asIntN(32, args.nextInteger()));
        if (width < 0) {
          left = true;
          width = -width;
        }
      } else if (widthText !== undefined) width = Number(widthText);
      let precision: number | undefined;
      if (precisionText === '*') {
        const given = Number(BigInt.asIntN(32, args.nextInteger()));
        precision = given < 0 ? undefined : given;
      } else if (precisionText !== undefined) precision = Number(precisionText || 0);
      width = Math.min(width, MAX_WIDTH);
      if (precision !== undefined) precision = Math.min(precision, MAX_WIDTH);
      const body = convert(conversion, flags, precision, length, args);
      if (body.length >= width) return body;
      const fill = width - body.length;
      if (left) return body + ' '.repeat(fill);
      const isNumber = !'csp'.includes(conversion);
      const zeros =
        flags.includes('0') &&
        isNumber &&
        !(precision !== undefined && 'diouxX'.includes(conversion));
      if (!zeros || /[a-z]{3}$/i.test(body)) return ' '.repeat(fill) + body;
      const sign = /^([+\- ]?(?:0[xX])?)/.exec(body)?.[1] ?? '';
      return sign + '0'.repeat(fill) + body.slice(sign.length);
    },
  );
}

const BITS: Readonly<Record<string, number>> = {
  hh: 8,
  h: 16,
  l: 64,
  ll: 64,
  q: 64,
  j: 64,
  z: 64,
  t: 64,
  I64: 64,
};

function convert(
  conversion: string,
  flags: string,
  precision: number | undefined,
  length: string | undefined,
  args: PrintfArguments,
): string {
  // On Windows `long` has 32 bits.
  const bits = length === 'l' && process.platform === 'win32' ? 32 : (BITS[length ?? ''] ?? 32);
  switch (conversion) {
    case 'n':
      args.nextInteger();
      return '';
    case 'c':
      return String.fromCharCode(Number(BigInt.asUintN(8, args.nextInteger())));
    case 's': {
      const pointer = args.nextInteger();
      const text = pointer === 0n ? '(null)' : args.readText(pointer);
      return precision === undefined ? text : text.slice(0, precision);
    }
    case 'p':
      return `0x${BigInt.asUintN(64, args.nextInteger()).toString(16)}`;
    case 'd':
    case 'i': {
      const value = BigInt.asIntN(bits, args.nextInteger());
      const digits = (value < 0n ? -value : value).toString().padStart(precision ?? 1, '0');
      return withSign(value < 0n, flags, digits);
    }
    case 'o':
    case 'u':
    case 'x':
    case 'X': {
      const value = BigInt.asUintN(bits, args.nextInteger());
      const radix = conversion === 'o' ? 8 : conversion === 'u' ? 10 : 16;
      let digits = value.toString(radix).padStart(precision ?? 1, '0');
      if (flags.includes('#') && value !== 0n) {
        if (radix === 16) digits = `0x${digits}`;
        else if (radix === 8 && !digits.startsWith('0')) digits = `0${digits}`;
      }
      return conversion === 'X' ? digits.toUpperCase() : digits;
    }
    default: {
      const value = args.nextDouble();
      const magnitude = Math.abs(value);
      const negative = value < 0 || Object.is(value, -0);
      const text = Number.isFinite(magnitude)
        ? formatDouble(conversion.toLowerCase(), magnitude, precision, flags.includes('#'))
        : Number.isNaN(value)
          ? 'nan'
          : 'inf';
      const signed = withSign(negative, flags, text);
      return conversion === conversion.toUpperCase() ? signed.toUpperCase() : signed;
    }
  }
}

function withSign(negative: boolean, flags: string, digits: string): string {
  if (negative) return `-${digits}`;
  return flags.includes('+') ? `+${digits}` : flags.includes(' ') ? ` ${digits}` : digits;
}

/** JavaScript writes `1e+0`, C at least two digits of exponent. */
function exponential(value: number, digits: number): string {
  return value
    .toExponential(Math.min(digits, 100))
    .replace(/e([+-])(\d)$/, (_, sign: string, digit: string) => `e${sign}0${digit}`);
}

function formatDouble(
  conversion: string,
  value: number,
  precision: number | undefined,
  alternate: boolean,
): string {
  if (conversion === 'f') {
    const digits = Math.min(precision ?? 6, 100);
    // toFixed falls back on exponents from 1e21 on.
    if (value < 1e21) return value.toFixed(digits);
    return BigInt(value).toString() + (digits > 0 ? `.${'0'.repeat(digits)}` : '');
  }
  if (conversion === 'e') return exponential(value, precision ?? 6);
  if (conversion === 'a') return hexadecimal(value);
  const digits = Math.min(precision === 0 ? 1 : (precision ?? 6), 100);
  const exponent = value === 0 ? 0 : Number(value.toExponential(digits - 1).split('e')[1]);
  const scientific = exponent < -4 || exponent >= digits;
  const text = scientific ? exponential(value, digits - 1) : value.toFixed(digits - 1 - exponent);
  if (alternate || !text.includes('.')) return text;
  return scientific ? text.replace(/\.?0*e/, 'e') : text.replace(/\.?0+$/, '');
}

function hexadecimal(value: number): string {
  if (value === 0) return '0x0p+0';
  let exponent = Math.floor(Math.log2(value));
  let mantissa = value / 2 ** exponent;
  if (mantissa >= 2) {
    mantissa /= 2;
    exponent++;
  }
  const fraction = Math.round((mantissa - 1) * 2 ** 52)
    .toString(16)
    .padStart(13, '0')
    .replace(/0+$/, '');
  return `0x1${fraction === '' ? '' : `.${fraction}`}p${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
}
