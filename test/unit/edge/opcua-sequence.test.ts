import { describe, expect, it } from 'vitest';
import { SequenceWatch } from '../../../edge-component/sources/opcua-sequence.js';

type Message = Parameters<SequenceWatch['pass']>[0];

/** A message with data; `timeMs` is when it was published. */
const data = (sequenceNumber: number, timeMs = sequenceNumber): Message =>
  ({ sequenceNumber, publishTime: new Date(timeMs), notificationData: [{}] }) as unknown as Message;
/** One without, which has the number of the next that will have some. */
const keepAlive = (sequenceNumber: number): Message =>
  ({ ...data(sequenceNumber), notificationData: [] }) as Message;

const fates = (watch: SequenceWatch, ...messages: Message[]) =>
  messages.map((message) => {
    const passed = watch.pass(message);
    return passed.fate === 'gap' ? passed.missing : passed.fate;
  });

describe('the sequence numbers of a subscription', () => {
  it('name what is missing, by the next message with data or without, each once', () => {
    const watch = new SequenceWatch();
    expect(
      fates(watch, keepAlive(1), data(1), data(2), data(5), data(6), keepAlive(7), keepAlive(9)),
    ).toEqual(['in-order', 'in-order', 'in-order', [3, 4], 'in-order', 'in-order', [7, 8]]);
    expect(fates(watch, data(9), keepAlive(10))).toEqual(['in-order', 'in-order']);
  });

  it('tell what was lost before the first message came', () => {
    expect(fates(new SequenceWatch(), data(3))).toEqual([[1, 2]]);
  });

  it('may begin elsewhere, and repeat the number of the last message without data', () => {
    expect(fates(new SequenceWatch(), data(0), data(1))).toEqual(['in-order', 'in-order']);
    expect(fates(new SequenceWatch(), data(5000), keepAlive(5000), data(5001))).toEqual([
      ...['in-order', 'in-order', 'in-order'],
    ]);
  });

  it('begin again with 1 after the largest', () => {
    const watch = new SequenceWatch();
    expect(fates(watch, data(0xffff_fffe), data(0xffff_ffff), data(1), data(3))).toEqual([
      ...['in-order', 'in-order', 'in-order'],
      [2],
    ]);
    const other = new SequenceWatch();
    expect(fates(other, data(0xffff_fffe), data(2))).toEqual(['in-order', [0xffff_ffff, 1]]);
  });

  it('know a message that comes again, and one that comes late', () => {
    const watch = new SequenceWatch();
    fates(watch, data(1), data(2), data(5));
    expect(fates(watch, data(2), data(4), data(4), data(6))).toEqual([
      ...['again', 'in-order', 'again', 'in-order'],
    ]);
  });

  it('of a server that counts anew are no repetition: nothing is left out for ever', () => {
    const watch = new SequenceWatch();
    for (let n = 1; n <= 40; n++) watch.pass(data(n));
    expect(fates(watch, data(1, 1000), data(2, 1001), data(9_000_000), data(9_000_001))).toEqual([
      ...['anew', 'in-order', 'anew', 'in-order'],
    ]);
  });
});
