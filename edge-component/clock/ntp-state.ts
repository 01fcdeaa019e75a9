import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';

/** What the machine's time service says; undefined where there is none that can be asked. */
export type NtpState = 'synchronised' | 'unsynchronised' | undefined;

const CHRONYC_TIMEOUT_MS = 2000;

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** Runs a program; undefined where it is not there or fails. */
function outputOf(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: CHRONYC_TIMEOUT_MS }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    );
  });
}

/**
 * What `chronyc -c -n tracking` says. The leap status is the last of its fields, and "Not synchronised"
 * until a source was chosen.
 *
 * @see https://chrony-project.org/doc/4.5/chronyc.html#tracking
 */
export function readTracking(csv: string): NtpState {
  const fields = csv.trim().split(',');
  if (fields.length < 14) return undefined;
  return /^not synchronised$/i.test(fields.at(-1) ?? '') ? 'unsynchronised' : 'synchronised';
}

/**
 * Asks the machine's time service, without rights: systemd-timesyncd leaves a file once it has set the
 * clock, chrony answers on loopback.
 *
 * @param run where services keep their state
 * @see https://www.freedesktop.org/software/systemd/man/systemd-timesyncd.service.html (FILES)
 */
export async function readNtpState(run = '/run'): Promise<NtpState> {
  const timesync = join(run, 'systemd/timesync');
  if (await exists(join(timesync, 'synchronized'))) return 'synchronised';
  if (await exists(join(run, 'chrony'))) {
    const tracking = await outputOf('chronyc', ['-c', '-n', 'tracking']);
    const state = tracking === undefined ? undefined : readTracking(tracking);
    if (state !== undefined) return state;
  }
  return (await exists(timesync)) ? 'unsynchronised' : undefined;
}
