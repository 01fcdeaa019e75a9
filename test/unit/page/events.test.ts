import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alarm } from '../../../cloud/page/browser/protocol.js';
import { EventLog } from '../../../cloud/page/event-log.js';
import { freshnessOf } from '../../../cloud/page/freshness.js';

const alarm = (subject: string, code = 'limit'): Alarm => ({
  level: 'alarm',
  code,
  subject,
  message: `${subject} is above 0.1`,
});

describe('the log of events', () => {
  it('makes one event of an alarm that stands, with its beginning and its end', () => {
    const log = new EventLog();
    log.take(10, []);
    log.take(20, [alarm('b9')]);
    log.take(30, [alarm('b9'), alarm('b3')]);
    expect(log.events().map((e) => [e.subject, e.sinceX, e.untilX])).toEqual([
      ['b3', 30, undefined],
      ['b9', 20, undefined],
    ]);
    log.take(40, [alarm('b3')]);
    expect(log.events().find((e) => e.subject === 'b9')?.untilX).toBe(40);
    log.take(50, [alarm('b3'), alarm('b9')]);
    expect(log.events().map((e) => [e.subject, e.sinceX, e.untilX])).toEqual([
      ['b9', 50, undefined],
      ['b3', 30, undefined],
      ['b9', 20, 40],
    ]);
  });

  it('is the same in whatever order samples arrive, the newest word about each counting', () => {
    const subjects = fc.subarray(['a', 'b', 'c']);
    fc.assert(
      fc.property(
        fc.array(subjects, { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        (course, keys) => {
          const inOrder = new EventLog();
          for (const [x, found] of course.entries())
            inOrder.take(
              x,
              found.map((s) => alarm(s)),
            );
          const shuffled = [...course.entries()]
            .map((entry) => ({ entry, key: keys.next().value ?? 0 }))
            .sort((a, b) => a.key - b.key);
          const late = new EventLog();
          for (const { entry } of shuffled) late.take(entry[0], [alarm('wrong')]);
          for (const { entry } of shuffled)
            late.take(
              entry[0],
              entry[1].map((s) => alarm(s)),
            );
          expect(late.events()).toEqual(inOrder.events());
        },
      ),
    );
  });

  it('keeps what stands when there are more events than it holds', () => {
    const log = new EventLog();
    log.take(0, [alarm('standing')]);
    for (let x = 1; x < 1400; x++) {
      log.take(x, x % 2 === 0 ? [alarm('standing')] : [alarm('standing'), alarm('flutters')]);
    }
    const events = log.events();
    expect(events).toHaveLength(500);
    expect(events.at(-1)).toMatchObject({ subject: 'standing', sinceX: 0 });
  });
});

describe('freshness', () => {
  const allowed = { measuredS: 15, calibratedS: 90 };
  const nowMs = 1_000_000;
  it.each([
    ['waiting', {}],
    ['learning', { measuredAtMs: nowMs - 1000 }],
    ['live', { measuredAtMs: nowMs - 1000, calibratedAtMs: nowMs - 60_000 }],
    ['behind', { measuredAtMs: nowMs - 1000, calibratedAtMs: nowMs - 600_000 }],
    ['silent', { measuredAtMs: nowMs - 60_000, calibratedAtMs: nowMs - 60_000 }],
    ['unread', { measuredAtMs: nowMs, calibratedAtMs: nowMs, fault: 'refused' }],
  ] as const)('is %s', (state, instants) => {
    expect(freshnessOf({ nowMs, ...instants }, allowed).state).toBe(state);
  });

  it('says how old what is shown is', () => {
    const at = { nowMs, measuredAtMs: nowMs - 1000, calibratedAtMs: nowMs - 601_000 };
    expect(freshnessOf(at, allowed).text).toContain('is 10 min old');
  });
});
