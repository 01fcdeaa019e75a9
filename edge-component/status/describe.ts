import type { EdgeStatus } from './status.js';

/** What is wrong, in a few words each; empty when all is well. */
function troubles(status: EdgeStatus): string[] {
  const { publisher, outbox, sources } = status;
  const { lastError, uncertain, waitingFor } = status.virtualSensors ?? {};
  const sensors = lastError ?? uncertain ?? (waitingFor && 'inputs have no value yet');
  const bad = sources.filter((s) => s.state !== 'up' && s.state !== 'stopped').length;
  const { failure, configError } = status.component;
  return [
    ...(failure === undefined ? [] : [`it does not run: ${failure}`]),
    ...(configError === undefined ? [] : [`a new config was refused: ${configError}`]),
    ...(status.clock.trusted ? [] : ['the clock is not known to be set']),
    ...status.ledger.gaps.map((gap) => `values are missing (${gap})`),
    ...Object.entries(status.lost).map(([why, n]) => `${count(n)} values were lost (${why})`),
    ...(outbox.fault === undefined ? [] : ['the outbox cannot be written']),
    ...(publisher.connected ? [] : ['the far end is not connected']),
    ...(outbox.parked === 0 ? [] : [`the far end refuses ${count(outbox.parked)} values`]),
    ...sources.flatMap(({ name, faults }) => faults.slice(0, 3).map((f) => `${name}: ${f}`)),
    ...(sensors === undefined ? [] : [`virtual sensors: ${sensors}`]),
    ...(bad === 0 ? [] : [`${bad} of ${sources.length} sources not up`]),
  ];
}

/**
 * The status for people: first what is wrong, then queue, far end and sources, each with its last
 * error.
 *
 * @param nowMs wall time that ages are counted to
 */
export function describeStatus(status: EdgeStatus, nowMs: number): string[] {
  const { component, publisher, outbox, virtualSensors } = status;
  const since = (iso: string) => span((nowMs - Date.parse(iso)) / 1000);
  const wrong = troubles(status);
  const lines = [
    `${component.name} ${component.version}: ${status.healthy ? 'healthy' : `NOT HEALTHY, ${wrong.join(', ')}`}`,
    `${component.state} for ${since(component.startedAt)}, process ${component.pid}, configured by ${component.configSource}`,
    ...describeClock(status.clock),
    '',
    `queue      ${count(status.queueDepth)} values wait${status.queueDepth === 0 ? '' : `, the oldest ${span(status.oldestAgeS)}`}; ${megabytes(outbox.bytes)} of ${megabytes(outbox.maxBytes)}`,
    `           ${rate(status.ratesPerS.in)} in, ${rate(status.ratesPerS.out)} out; ${count(status.dropped)} dropped, ${count(outbox.parked)} held by the far end`,
  ];
  if (outbox.fault !== undefined) lines.push(`           cannot be written: ${outbox.fault}`);
  if (outbox.setAside !== undefined) {
    lines.push(`           a broken one was set aside: ${outbox.setAside.path}`);
  }
  const { stored, accepted, waiting, dropped } = status.ledger.outbox;
  lines.push(
    `ledger     ${count(stored)} stored = ${count(accepted)} accepted + ${count(waiting)} waiting${amounts(status.ledger.outbox.deadLettered, 'set aside')}${amounts(dropped, 'dropped')}${status.ledger.outbox.missing === 0 ? '' : ` + ${count(status.ledger.outbox.missing)} MISSING`}`,
  );
  const gone = Object.entries(status.ledger.outbox.lettersDeleted);
  if (gone.length > 0) {
    const named = gone.map(([why, n]) => `${count(n)} ${why}`).join(', ');
    lines.push(`           of those set aside, deleted for deadLetterMaxMb: ${named}`);
  }
  const letters = Object.entries(status.deadLettered).map(([why, n]) => `${count(n)} ${why}`);
  if (letters.length > 0) lines.push(`           dead letters: ${letters.join(', ')}`);
  lines.push(
    `far end    ${publisher.type}, ${publisher.connected ? 'connected' : 'NOT CONNECTED'}; ${count(publisher.published)} values taken${publisher.lastPublishedAt === undefined ? '' : `, the last ${since(publisher.lastPublishedAt)} ago`}; ${count(publisher.retried)} sent again`,
  );
  if (publisher.lastError !== undefined) lines.push(`           ${publisher.lastError}`);
  if (publisher.caveat !== undefined) lines.push(`           ${publisher.caveat}`);
  if (virtualSensors !== undefined) {
    const { calibrationAgeS, evaluations, failures, lastError } = virtualSensors;
    const { stale, uncertain = stale ? 'calibration-old' : undefined, waitingFor } = virtualSensors;
    const age =
      calibrationAgeS === undefined
        ? 'no calibration yet'
        : `calibrated ${span(calibrationAgeS)} ago`;
    lines.push(
      `twin       ${age}${uncertain === undefined ? '' : `, UNCERTAIN (${uncertain})`}; computed ${count(evaluations)} times, failed ${count(failures)} times`,
    );
    if (waitingFor !== undefined) lines.push(`           no value yet of ${waitingFor.join(', ')}`);
    if (lastError !== undefined) lines.push(`           ${lastError}`);
  }
  if (status.sources.length === 0) return [...lines, '', 'No sources are configured.'];
  const rows = status.sources.map((s) => [
    s.name,
    s.type,
    s.state === 'up' ? 'up' : s.state.toUpperCase(),
    since(s.since),
    s.lastSampleAt === undefined ? 'never' : `${since(s.lastSampleAt)} ago`,
    rate(s.receivedPerS),
    count(s.received),
    count(s.forwarded),
    count(s.bad),
  ]);
  const table = columns([
    ['source', 'type', 'state', 'for', 'last value', 'rate', 'read', 'sent on', 'bad'],
    ...rows,
  ]);
  lines.push('', table[0] ?? '');
  for (const [i, source] of status.sources.entries()) {
    lines.push(table[i + 1] ?? '');
    if (source.lastError !== undefined) lines.push(`           ${source.lastError}`);
    const { clockFaults, late, overrun, refused, badReasons, uncertainReasons } = source;
    const { fromHistory, notFilled } = source;
    for (const [what, counts] of [
      ['BAD', badReasons],
      ['UNCERTAIN', uncertainReasons],
      ['not stored', refused],
      ['gaps not filled', notFilled],
    ] as const) {
      const named = Object.entries(counts).map(([reason, n]) => `${count(n)} ${reason}`);
      if (named.length > 0) lines.push(`           ${what}: ${named.join(', ')}`);
    }
    if (clockFaults > 0) lines.push(`           ${count(clockFaults)} with a clock far off`);
    if (fromHistory > 0) lines.push(`           ${count(fromHistory)} from the device's history`);
    if (late > 0) lines.push(`           ${count(late)} came late, with their own times`);
    if (overrun > 0) lines.push(`           ${count(overrun)} given up: faster than the disk`);
  }
  return lines;
}

/** Counts by reason as a further part of a sum. */
function amounts(counts: Record<string, number>, what: string): string {
  return Object.entries(counts)
    .map(([reason, n]) => ` + ${count(n)} ${what} (${reason})`)
    .join('');
}

function describeClock({ trusted, reason, steps, lastStepS, lastStepAt }: EdgeStatus['clock']) {
  const lines: string[] = [];
  if (!trusted) lines.push(`clock      NOT SET, values are UNCERTAIN: ${reason}`);
  if (steps > 0)
    lines.push(`clock      set ${steps} times, last by ${lastStepS} s to ${lastStepAt}`);
  return lines;
}

/** Pads cells so that they stand below each other. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

function rate(perS: number): string {
  return `${perS < 100 ? perS.toFixed(1) : count(Math.round(perS))}/s`;
}

function megabytes(bytes: number): string {
  const mb = bytes / 1e6;
  return `${mb < 10 ? mb.toFixed(1) : count(Math.round(mb))} MB`;
}

/** A time span in the unit that suits it, e.g. `4.9 s`, `12 min`, `3.2 d`. */
function span(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${(s / 3600).toFixed(1)} h`;
  return `${(s / 86_400).toFixed(1)} d`;
}
