import { formatCsv } from '../core/index.js';
import { type LineChart, renderLineChart } from '../plot/index.js';
import type { Alarm, Estimate, StepResult, Twin } from './types.js';

/** What a calibration run gives out. */
export interface CalibrationOutput {
  twin: string;
  steps: StepResult[];
  summary: {
    samples: number;
    assimilated: number;
    skipped: number;
    modelRuns: number;
    /** Mean NIS per channel: near 1 when the noise is right. */
    meanNisPerChannel: number | null;
    logLikelihood: number;
    wallS: number;
    parameters: Record<string, Estimate>;
    virtualSensors: Record<string, Estimate>;
    alarms: Alarm[];
  };
}

/** Sums up the steps of a run. */
export function summarize(twin: Twin, steps: StepResult[], wallS: number): CalibrationOutput {
  const used = steps.filter((s) => s.skipped === undefined);
  const last = used.at(-1);
  const total = (f: (s: StepResult) => number) => used.reduce((sum, s) => sum + f(s), 0);
  const channels = total((s) => s.channels);
  return {
    twin: twin.definition.name,
    steps,
    summary: {
      samples: steps.length,
      assimilated: used.length,
      skipped: steps.length - used.length,
      modelRuns: total((s) => s.diagnostics.modelRuns),
      meanNisPerChannel: channels === 0 ? null : total((s) => s.nis) / channels,
      logLikelihood: total((s) => s.logLikelihood),
      wallS,
      parameters: last?.parameters ?? steps.at(-1)?.parameters ?? {},
      virtualSensors: last?.virtualSensors ?? {},
      alarms: last?.alarms ?? [],
    },
  };
}

const KEYS = ['mean', 'std', 'lower95', 'upper95'] as const;

/** The steps as a flat table, one row each. */
export function resultsCsv(twin: Twin, output: CalibrationOutput): string {
  const names = [
    ...twin.definition.parameters.map((p) => ['parameters', p.variable] as const),
    ...twin.definition.virtualSensors.map((s) => ['virtualSensors', s.variable] as const),
  ];
  const columns = ['timeS', 'row', 'nis', 'alarms'];
  for (const [, name] of names) for (const key of KEYS) columns.push(`${name}.${key}`);
  return formatCsv(
    columns,
    output.steps.map((step) => [
      step.timeS,
      step.row,
      Number.isFinite(step.nis) ? step.nis : undefined,
      step.alarms.map((a) => `${a.code}:${a.subject}`).join(' '),
      ...names.flatMap(([kind, name]) => KEYS.map((key) => step[kind][name]?.[key])),
    ]),
  );
}

/** The parameters over time with their 95 % bands, as SVG. */
export function resultsPlot(twin: Twin, output: CalibrationOutput): Promise<string> {
  const steps = output.steps.filter((s) => s.skipped === undefined);
  const x = steps.map((s) => s.timeS / 86_400);
  const chart: LineChart = {
    title: `${twin.definition.name}: parameters with 95 % bands`,
    xLabel: 'days',
    yLabel: twin.definition.parameters[0]?.unit ?? '',
    series: twin.definition.parameters.map(({ variable }) => ({
      name: variable,
      x,
      y: steps.map((s) => s.parameters[variable]!.mean),
      lower: steps.map((s) => s.parameters[variable]!.lower95),
      upper: steps.map((s) => s.parameters[variable]!.upper95),
    })),
  };
  return renderLineChart(chart);
}
