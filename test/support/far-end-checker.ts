import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { fromTimeInNanos } from '../../shared/core/index.js';

/** What arrived, against what was sent. */
export interface FarEndFigures {
  /** Values that were sent, each with its own alias and time. */
  expected: number;
  /** Of those: arrived with their own bits. */
  arrived: number;
  lost: number;
  /** Arrived again with the same alias, time and quality, and the same value: one value to SiteWise. */
  resent: number;
  /** The same alias and time with another quality: UNCERTAIN while the gateway's clock was off, GOOD later. */
  requalified: number;
  /** Another value than was sent, or BAD: never allowed. */
  wrong: number;
  /** Nobody sent such a value: never allowed. */
  unknown: number;
  /** Values that first arrived after a later one of their stream: never allowed. */
  disordered: number;
}

/** Bits of what is known of one value. */
const GOOD = 1;
const UNCERTAIN = 2;

/** A broker in the place of SiteWise Edge's that checks every value by alias, time and quality. */
export class FarEndChecker {
  readonly figures: FarEndFigures = {
    expected: 0,
    arrived: 0,
    lost: 0,
    resent: 0,
    requalified: 0,
    wrong: 0,
    unknown: 0,
    disordered: 0,
  };
  url = '';
  /** By alias: time → what was sent, and in which qualities it arrived. */
  readonly #streams = new Map<string, Map<bigint, { value: number; seen: number }>>();
  readonly #newest = new Map<string, bigint>();
  readonly #sockets = new Set<Socket>();
  readonly #aedes: Aedes;
  #server: Server | undefined;
  #port = 0;

  private constructor(aedes: Aedes) {
    this.#aedes = aedes;
    aedes.on('publish', (packet, client) => {
      if (client !== null && !packet.topic.startsWith('$')) this.#take(packet.payload.toString());
    });
  }

  static async start(): Promise<FarEndChecker> {
    const checker = new FarEndChecker(await Aedes.createBroker());
    await checker.restore();
    return checker;
  }

  /** A value with all its bits in use, another one for each message and place. */
  valueOf(message: number, place: number): number {
    return (message + 1) / 3 + place * Math.PI;
  }

  /** Notes what is being sent: the values of one message, each a stream of its own. */
  expect(topic: number, count: number, timeNs: bigint, values: readonly number[]): void {
    for (const [k, value] of values.entries()) {
      const alias = `/s${topic * count + k}`;
      const stream = this.#streams.get(alias) ?? new Map();
      this.#streams.set(alias, stream);
      stream.set(timeNs, { value, seen: 0 });
    }
    this.figures.expected += values.length;
    this.figures.lost += values.length;
  }

  get missing(): number {
    return this.figures.lost;
  }

  async cut(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async restore(): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      this.#aedes.handle(socket);
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.url = `mqtt://127.0.0.1:${this.#port}`;
  }

  async close(): Promise<void> {
    await this.cut();
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
  }

  #take(payload: string): void {
    const { propertyAlias: alias, propertyValues } = JSON.parse(payload) as {
      propertyAlias: string;
      propertyValues: {
        value: { doubleValue?: number };
        timestamp: { timeInSeconds: number; offsetInNanos: number };
        quality: string;
      }[];
    };
    for (const { value, timestamp, quality } of propertyValues) {
      // BAD of a source that is down belongs to the gateway's own time.
      if (quality === 'BAD' && value.doubleValue === undefined) continue;
      this.#check(alias, fromTimeInNanos(timestamp), quality, value.doubleValue);
    }
  }

  #check(alias: string, timeNs: bigint, quality: string, value: number | undefined): void {
    const { figures } = this;
    const sent = this.#streams.get(alias)?.get(timeNs);
    if (sent === undefined) {
      figures.unknown++;
      return;
    }
    if (!Object.is(sent.value, value) || quality === 'BAD') {
      figures.wrong++;
      return;
    }
    const bit = quality === 'GOOD' ? GOOD : UNCERTAIN;
    if ((sent.seen & bit) !== 0) figures.resent++;
    else if (sent.seen !== 0) figures.requalified++;
    else {
      figures.arrived++;
      figures.lost--;
      const newest = this.#newest.get(alias);
      if (newest !== undefined && timeNs < newest) figures.disordered++;
      else this.#newest.set(alias, timeNs);
    }
    sent.seen |= bit;
  }
}
