import type { PageStatus } from '../../../cloud/page/index.js';
import {
  healthAliases,
  parseConfig,
  type TwinDefinition,
  twinSchema,
} from '../../../shared/config/index.js';
import { secondsToNs, type Tqv, type TqvValue } from '../../../shared/core/index.js';
import {
  type Aggregate,
  type AggregatesAnswer,
  type AggregatesQuery,
  RESOLUTION_S,
  type SiteWiseReader,
} from '../../../shared/sitewise/index.js';

const ROLLERS = [1, 2, 3, 4, 5, 7, 8, 9, 10];
const PARTS = [
  'UW',
  'R1',
  'R2',
  'R3',
  'R4',
  'R5',
  'R6',
  'NR2',
  'R7',
  'R8',
  'R9',
  'R10',
  'NR1',
  'WD',
];

/** A line in the manner of the example twin, with every kind of stream. */
export function lineTwin(withLayout = true): TwinDefinition {
  const kindOf = (id: string) =>
    id === 'UW'
      ? 'unwinder'
      : id === 'WD'
        ? 'winder'
        : id === 'R6'
          ? 'dancer'
          : id.startsWith('N')
            ? 'nip'
            : 'roller';
  return parseConfig(
    twinSchema,
    {
      name: 'web-line',
      fmu: './none.fmu',
      inputs: [{ variable: 'lineSpeed', alias: '/line1/line-speed', unit: 'm/s' }],
      measured: ROLLERS.map((i) => ({
        variable: `Roller${i}_w`,
        alias: `/line1/roller${i}/w`,
        unit: 'rad/s',
        noiseStd: 1e-4,
      })),
      parameters: ROLLERS.map((i) => ({
        variable: `b${i}`,
        alias: `/line1/roller${i}/b`,
        unit: 'N.m.s/rad',
        lower: 0,
        upper: 0.5,
        prior: { mean: 1e-3, std: 1e-3 },
        alarm: { above: 0.1 },
      })),
      virtualSensors: [
        ...Array.from({ length: 12 }, (_, k) => ({
          variable: `S${k + 1}_Tension_N`,
          alias: `/line1/span${k + 1}/tension`,
          unit: 'N',
          alarm: { below: 85 },
        })),
        ...ROLLERS.map((i) => ({
          variable: `Roller${i}_SlipVelocity_mps`,
          alias: `/line1/roller${i}/slip`,
          unit: 'm/s',
          alarm: { above: 0.01 },
        })),
      ],
      ...(withLayout
        ? {
            layout: {
              components: PARTS.map((id, i) => ({
                id,
                kind: kindOf(id),
                x: i * 0.3,
                y: id === 'UW' || id === 'WD' ? 0.05 : i % 2 === 1 ? 0.3 : 0,
                radiusM: id === 'UW' || id === 'WD' ? 0.12 : 0.05,
                web: id === 'UW' || id === 'WD' || i % 2 === 1 ? 'over' : 'under',
                ...(kindOf(id) === 'roller'
                  ? {
                      speed: `Roller${id.slice(1)}_w`,
                      drag: `b${id.slice(1)}`,
                      slip: `Roller${id.slice(1)}_SlipVelocity_mps`,
                    }
                  : {}),
              })),
              spans: PARTS.slice(1).map((to, i) => ({
                from: PARTS[i],
                to,
                tension: `S${i < 7 ? Math.min(i + 1, 6) : i}_Tension_N`,
              })),
            },
          }
        : {}),
    },
    'test twin',
  );
}

/** A machine whose drag on R3 and R9 grows, read as SiteWise would be. */
export class GrowingDrag implements SiteWiseReader {
  readonly twin: TwinDefinition;
  /** Faults every read with this, until it is cleared. */
  fault: Error | undefined;
  queries = 0;
  readonly #values = new Map<string, Tqv[]>();
  #row = 0;

  constructor(twin: TwinDefinition) {
    this.twin = twin;
  }

  get row(): number {
    return this.#row;
  }

  dragOf(parameter: string): number {
    return parameter === 'b3' || parameter === 'b9' ? Math.max(0, (this.#row - 40) * 1.2e-3) : 0;
  }

  /** The state of rest that follows the drags, by the line's simplified physics. */
  truth(): Record<string, number> {
    const values: Record<string, number> = {};
    let tension = 100;
    const at = (k: number) => {
      values[`S${k}_Tension_N`] = tension;
    };
    at(1);
    for (const i of ROLLERS) {
      if (i === 7) {
        tension = 150;
        at(7);
      }
      const b = this.dragOf(`b${i}`);
      values[`b${i}`] = b;
      const before = tension;
      tension = Math.min(before * 1.8, before + (b * 20) / 0.05);
      const grips = tension < before * 1.8;
      values[`Roller${i}_w`] = grips ? 20.0025 - b * 0.03 : ((tension - before) * 0.05) / b;
      values[`Roller${i}_SlipVelocity_mps`] = grips
        ? (1e-4 * (tension / before - 1)) / 0.83
        : (20 - (values[`Roller${i}_w`] ?? 0)) * 0.05;
      at(i + 1);
    }
    values.S12_Tension_N = 100;
    return values;
  }

  /** Adds one sample of every stream at a time; `dither` in [-1, 1] stands for noise. */
  step(timeNs: bigint, dither = Math.sin(this.#row * 12.9898)): void {
    const truth = this.truth();
    const put = (alias: string, value: TqvValue) =>
      this.put(alias, { timeNs, quality: 'GOOD', value });
    const putBand = (alias: string, mean: number, half: number, lowest = -Infinity) => {
      put(alias, Math.max(lowest, mean));
      put(`${alias}_lower`, Math.max(lowest, mean - half));
      put(`${alias}_upper`, Math.max(lowest, mean + half));
    };
    put('/line1/line-speed', 1);
    for (const { variable, alias } of this.twin.measured) {
      const value = truth[variable] ?? 0;
      put(alias, value + 1e-4 * dither);
      put(`${alias}_estimate`, value + 2e-5 * dither);
      put(`${alias}_lower`, value - 1e-4);
      put(`${alias}_upper`, value + 1e-4);
    }
    for (const { variable, alias } of this.twin.parameters) {
      putBand(alias, (truth[variable] ?? 0) + 1e-3 * dither, 5e-3, 0);
    }
    for (const { variable, alias, unit } of this.twin.virtualSensors) {
      putBand(
        alias,
        (truth[variable] ?? 0) + (unit === 'N' ? 0.3 : 1e-6) * dither,
        unit === 'N' ? 1.2 : 5e-6,
      );
    }
    const health = healthAliases(this.twin);
    put(health.nis, 9 + 4 * dither);
    const limits = ['b3', 'b9'].filter((b) => this.dragOf(b) > 0.1);
    put(
      health.alarms,
      JSON.stringify(
        limits.map((subject) => ({
          code: 'limit',
          subject,
          message: `${subject} is above 0.1 with 95 % certainty.`,
        })),
      ),
    );
    this.#row++;
  }

  put(alias: string, tqv: Tqv): void {
    const list = this.#values.get(alias) ?? [];
    const isLast = (list.at(-1)?.timeNs ?? tqv.timeNs) <= tqv.timeNs;
    list.push(tqv);
    if (!isLast) list.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
    this.#values.set(alias, list);
  }

  /** Fills the past: one row a second, or each `everyS`, up to `nowNs`. */
  fill(rows: number, nowNs: bigint, everyS = 1): void {
    for (let i = rows; i > 0; i--) this.step(nowNs - secondsToNs(i * everyS));
  }

  status(): PageStatus {
    return {
      edge: { queueDepth: this.#row % 7, published: this.#row * 10, dropped: 0, healthy: true },
      truth: this.truth(),
      calibrations: [{ startedAtMs: 0, durationMs: 900, ok: true, steps: 10, meanNis: 9.2 }],
      endpoints: { sitewise: 'https://127.0.0.1:1', opcua: 'opc.tcp://127.0.0.1:2' },
      machineTimeS: this.#row * 3600,
      timeScale: 3600,
    };
  }

  async latest(aliases: readonly string[]): Promise<Map<string, Tqv>> {
    this.queries++;
    if (this.fault !== undefined) throw this.fault;
    return new Map(
      aliases.flatMap((alias) => {
        const newest = this.#values.get(alias)?.at(-1);
        return newest === undefined ? [] : [[alias, newest] as const];
      }),
    );
  }

  async history(query: {
    aliases: readonly string[];
    afterNs: bigint;
    untilNs: bigint;
  }): Promise<Map<string, Tqv[]>> {
    this.queries++;
    if (this.fault !== undefined) throw this.fault;
    return new Map(
      query.aliases.map((alias) => [
        alias,
        (this.#values.get(alias) ?? []).filter(
          (v) => v.timeNs > query.afterNs && v.timeNs <= query.untilNs,
        ),
      ]),
    );
  }

  async aggregates(query: AggregatesQuery): Promise<AggregatesAnswer> {
    this.queries++;
    if (this.fault !== undefined) throw this.fault;
    const widthNs = secondsToNs(RESOLUTION_S[query.resolution]);
    const fromNs = (query.fromNs / widthNs) * widthNs;
    const untilNs = (query.untilNs / widthNs) * widthNs;
    const aggregates = new Map<string, Aggregate[]>();
    for (const alias of query.aliases) {
      const intervals = new Map<bigint, number[]>();
      for (const { timeNs, quality, value } of this.#values.get(alias) ?? []) {
        if (timeNs < fromNs || timeNs >= untilNs) continue;
        const values = intervals.get(timeNs / widthNs) ?? [];
        if (quality !== 'BAD' && typeof value === 'number') values.push(value);
        intervals.set(timeNs / widthNs, values);
      }
      const list = [...intervals].map(([at, values]): Aggregate => {
        const interval = { startNs: at * widthNs, endNs: (at + 1n) * widthNs };
        const count = values.length;
        if (count === 0) return interval;
        const average = values.reduce((a, b) => a + b, 0) / count;
        const [minimum, maximum] = [Math.min(...values), Math.max(...values)];
        return { ...interval, values: { average, minimum, maximum, count } };
      });
      if (list.length > 0) aggregates.set(alias, list);
    }
    return { aggregates, refused: new Map() };
  }
}
