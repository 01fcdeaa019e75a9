import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { formatPrintf } from '../../../shared/fmi/binding/printf.js';

function format(text: string, ...args: (number | bigint | string)[]): string {
  const queue = [...args];
  const texts: string[] = [];
  return formatPrintf(text, {
    nextInteger: () => {
      const value = queue.shift();
      if (typeof value === 'string') return BigInt(texts.push(value));
      return BigInt(value ?? 0);
    },
    nextDouble: () => Number(queue.shift()),
    readText: (pointer) => texts[Number(pointer) - 1] ?? '',
  });
}

const cases: [string, ...(number | string)[]][] = [
  ['%d %i %5d|%-5d|%05d|%+d|% d', 1, -2, 3, 4, -5, 6, 7],
  ['%x %X %#x %o %#o %u', 255, 255, 255, 8, 8, 7],
  ['%.3d|%8.3d|%-8.3d|', 5, 5, 5],
  ['%f %.2f %10.3f|%-10.1f|%+.1f|%010.2f', 1.5, 2.345, 7.65432, 2.5, 1.35, -1.23456],
  ['%e %.2E %g %g %g %G', 12345.678, 0.00012, 0.0001, 1e-5, 1234567, 1e-10],
  ['%g %g %g %g %.3g %.10g %#g', 100000, 1000000, 0, -0.5, 1234.5, 1 / 3, 1.5],
  ['%s|%10s|%-10s|%.2s|', 'abc', 'abc', 'abc', 'abc'],
  ['%c%c %%', 65, 66],
  ['%f %f %e %g', Number.POSITIVE_INFINITY, Number.NaN, Number.NEGATIVE_INFINITY, Number.NaN],
  ['%5.1f%%|%8s|%-3d|', 99.5, 'end', 7],
];

describe('formatPrintf', () => {
  it('formats by C’s rules', () => {
    expect(format('%d of %s at %5.2f', 3, 'x', 1.005)).toBe('3 of x at  1.00');
    expect(format('%ld %lu %hhd', -1n, 2n ** 64n - 1n, 300)).toBe('-1 18446744073709551615 44');
    expect(format('%*d|%-*d|%.*f', 5, 1, 5, 2, 2, 7.65432)).toBe('    1|2    |7.65');
    expect(format('no arguments, 100 %')).toBe('no arguments, 100 %');
  });

  const hasShellPrintf = spawnSync('/usr/bin/printf', ['x']).status === 0;

  it.skipIf(!hasShellPrintf).each(cases)(
    'agrees with the system’s printf on %j',
    (text, ...args) => {
      const plain = args.map((a) =>
        typeof a === 'number' && !Number.isFinite(a)
          ? Number.isNaN(a)
            ? 'nan'
            : a > 0
              ? 'inf'
              : '-inf'
          : String(a),
      );
      // The shell's %c takes the first character of a text.
      const shell = text.includes('%c') ? ['A', 'B'] : plain;
      const expected = execFileSync('/usr/bin/printf', [text, ...shell], {
        encoding: 'utf8',
        env: { LC_ALL: 'C' },
      });
      expect(format(text, ...args)).toBe(expected);
    },
  );
});
