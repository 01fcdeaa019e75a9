import {
  convert,
  convertBack,
  type FmuPool,
  type InputTable,
  type ModelDescription,
  type PropagateRequest,
  type PropagateResult,
  type RunOptions,
  type Scalar,
  type SettleRequest,
  type SettleResult,
  type TrajectoryRequest,
  type TrajectoryResult,
  type UnitConversion,
  unitConversion,
} from '../../fmi/index.js';

/** Runs of a twin's FMU, in the definition's units. States are the FMU's own, in its units. */
export interface TwinRuns {
  settle(request: SettleRequest & RunOptions): Promise<SettleResult>;
  propagate(request: PropagateRequest & RunOptions): Promise<PropagateResult>;
  trajectory(request: TrajectoryRequest & RunOptions): Promise<TrajectoryResult>;
}

type Values = Readonly<Record<string, number>>;

/** The units of a definition where they are not those of the FMU: converted on the way in and out. */
export class InDefinitionUnits {
  readonly #md: ModelDescription;
  readonly #conversions = new Map<string, UnitConversion>();

  constructor(md: ModelDescription) {
    this.#md = md;
  }

  /** Notes a variable's unit. @throws TwinError `VALUE_INVALID` where it can't be converted */
  add({ name, variable }: Scalar, unit: string): void {
    const conversion = unitConversion(this.#md, variable, unit);
    if (conversion !== undefined) this.#conversions.set(name, conversion);
  }

  /** The names whose values are converted. */
  get converted(): string[] {
    return [...this.#conversions.keys()];
  }

  /** A value of the FMU in the definition's unit. */
  fromFmu(name: string, value: number): number {
    return convertBack(value, this.#conversions.get(name));
  }

  /** A value of the definition in the FMU's unit. */
  toFmu(name: string, value: number): number {
    return convert(value, this.#conversions.get(name));
  }

  /** The pool's runs in the definition's units. */
  over(pool: FmuPool): TwinRuns {
    if (this.#conversions.size === 0) return pool;
    const to = (values: Values): Values =>
      Object.fromEntries(Object.entries(values).map(([n, v]) => [n, this.toFmu(n, v)]));
    const table = ({ time, columns }: InputTable): InputTable => ({
      time,
      columns: columns.map((column) => ({
        ...column,
        values:
          column.values instanceof Float64Array && this.#conversions.has(column.name)
            ? column.values.map((v) => this.toFmu(column.name, v))
            : column.values,
      })),
    });
    /** Values that repeat the outputs; what lies beyond them, as states do, stays. */
    const back = (values: Float64Array, outputs: readonly string[], repeats: boolean) =>
      values.map((v, i) => {
        const name = outputs[repeats ? i % outputs.length : i];
        return name === undefined ? v : this.fromFmu(name, v);
      });
    const driven = (inputs: InputTable | undefined) =>
      inputs === undefined ? {} : { inputs: table(inputs) };
    return {
      settle: async (request) => {
        const { reference } = request;
        const result = await pool.settle({
          ...request,
          startValues: to(request.startValues),
          inputs: to(request.inputs),
          ...(reference !== undefined && {
            reference: {
              startValues: to(reference.startValues),
              inputs: to(reference.inputs),
            },
          }),
        });
        return { ...result, values: back(result.values, request.outputs, false) };
      },
      propagate: async (request) => {
        const { inputs, startValues, ...rest } = request;
        const result = await pool.propagate({
          ...rest,
          startValues: to(startValues),
          ...driven(inputs),
        });
        return { ...result, values: back(result.values, request.outputs, true) };
      },
      trajectory: async (request) => {
        const { inputs, startValues, ...rest } = request;
        const result = await pool.trajectory({
          ...rest,
          startValues: to(startValues),
          ...driven(inputs),
        });
        return { ...result, values: back(result.values, request.outputs, true) };
      },
    };
  }
}
