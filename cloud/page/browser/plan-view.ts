import { aheadText, chanceText } from './ahead-text.js';
import { h, setText, svg } from './dom.js';
import { formatNumber, formatUnit } from './format.js';
import { quantityName } from './names.js';
import type { Machine, PlanAnswer, PlanWay } from './protocol.js';
import type { Store } from './store.js';
import type { View } from './view.js';

/** Inputs and repairs that reach the stated goal: asked for by a button, as it takes the twin a while. */
export function createPlanView(
  store: Store,
  machine: Machine,
  asset: string | null,
  propose: (inputs: Readonly<Record<string, number>>, renewed: readonly string[]) => void,
): View {
  const ask = h('button', { type: 'button', class: 'toggle deed', text: 'Work out a plan' });
  const state = h('p', { class: 'hint', role: 'status' });
  const body = h('div', { class: 'plan-body' });
  const element = h(
    'section',
    { id: 'plan', 'aria-labelledby': 'plan-title' },
    h('div', { class: 'bar between' }, h('h2', { id: 'plan-title', text: 'What to do' }), ask),
    state,
    body,
  );
  const show = async (asked: NonNullable<Store['plan']>) => {
    ask.disabled = true;
    setText(state, 'The twin tries settings and repairs; this takes it some seconds …');
    const answer = await asked;
    ask.disabled = false;
    if (typeof answer === 'string') {
      setText(state, answer);
      body.replaceChildren();
      return;
    }
    const { objective, risk, horizonS } = answer;
    setText(
      state,
      `${objective.sense === 'maximise' ? 'Most' : 'Least'} ${objective.label} in ${aheadText(horizonS)}, with at most ${chanceText(risk)} risk of passing a limit. From the last calibration.`,
    );
    body.replaceChildren(...contentOf(answer, machine, propose));
  };
  ask.addEventListener('click', () => {
    store.plan = fetchPlan(asset);
    void show(store.plan);
  });
  // The view before this one may have asked: a page that turns dark is drawn anew.
  if (store.plan !== undefined) void show(store.plan);
  return {
    element,
    update() {
      const canPlan = machine.decides && store.outlook !== undefined;
      ask.hidden = !canPlan;
      if (body.childElementCount > 0 || state.textContent !== '') return;
      if (machine.decides && store.outlook === undefined) {
        setText(state, store.status?.outlook.fault ?? '');
      } else if (!machine.decides) {
        setText(
          state,
          'The twin’s definition does not say what may be decided (`decisions`): there is nothing to plan.',
        );
      }
    },
  };
}

async function fetchPlan(asset: string | null): Promise<PlanAnswer | string> {
  try {
    const query = asset === null ? '' : `?asset=${encodeURIComponent(asset)}`;
    const answer = await fetch(`/api/plan${query}`);
    const body = (await answer.json()) as PlanAnswer | { error: string };
    return 'error' in body ? body.error : body;
  } catch {
    return 'The server of this page does not answer.';
  }
}

function contentOf(
  answer: PlanAnswer,
  machine: Machine,
  propose: (inputs: Readonly<Record<string, number>>, renewed: readonly string[]) => void,
): HTMLElement[] {
  const { plan, today, gain, objective, feasible, horizonS, risk } = answer;
  const unit = objective.unit === '' ? '' : ` ${objective.unit}`;
  const width = gain.upper95 - gain.lower95 || Math.abs(gain.mean) / 10;
  const amount = (v: number) => `${formatNumber(v, width)}${unit}`;
  const sentence = feasible
    ? wayText(plan, machine)
    : `No way keeps the risk at ${chanceText(risk)}. The least risky: ${wayText(plan, machine)}`;
  const [cause] = Object.entries(plan.riskByLimit).sort((a, b) => b[1] - a[1]);
  const why =
    feasible || cause === undefined
      ? `Risk ${chanceText(plan.risk)} instead of ${chanceText(today.risk)}.`
      : `${quantityName(cause[0], machine)} passes its limit first in ${chanceText(cause[1])} of the courses.`;
  const row = (name: string, way: PlanWay, against: string) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row', class: 'row-name', text: name }),
      h('td', { text: amount(way.objective.mean) }),
      h('td', { text: chanceText(way.risk) }),
      h('td', { text: against }),
    );
  const table = h(
    'table',
    { class: 'answers' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ...[
          'Way',
          `${objective.label} in ${aheadText(horizonS)}`,
          'Risk',
          'Better than today (95 %)',
        ].map((text) => h('th', { scope: 'col', text })),
      ),
    ),
    h(
      'tbody',
      {},
      row(
        feasible ? 'Plan' : 'Least risky',
        plan,
        `${amount(gain.mean)} (${formatNumber(gain.lower95, width)} – ${formatNumber(gain.upper95, width)})`,
      ),
      row('As today', today, '—'),
    ),
  );
  const tryIt = h('button', { type: 'button', class: 'toggle deed', text: 'Try it in “What if”' });
  tryIt.addEventListener('click', () => {
    const isNow = plan.maintenance?.aheadS === 0;
    const inputs = isNow ? (plan.maintenance?.inputs ?? {}) : plan.inputs;
    propose(inputs, isNow ? (plan.maintenance?.resets ?? []) : []);
  });
  const order = h('button', { type: 'button', class: 'toggle deed', text: 'Copy as work order' });
  order.addEventListener('click', async () => {
    const text = [machine.name, sentence, why, ...answer.assumptions.map((a) => `- ${a}`)].join(
      '\n',
    );
    try {
      await navigator.clipboard.writeText(text);
      setText(order, 'Copied');
    } catch {
      setText(order, 'The browser does not allow copying');
    }
  });
  const curves = Object.entries(answer.riskCurves).map(([variable, points]) =>
    riskCurve(quantityName(variable, machine), points, plan.inputs[variable], risk),
  );
  return [
    h('p', { class: 'plan-sentence', text: sentence }),
    h('p', { text: why }),
    h('div', { class: 'plan-parts' }, ...curves, h('div', { class: 'scroll' }, table)),
    h('div', { class: 'bar' }, tryIt, order),
    h(
      'details',
      {},
      h('summary', { text: 'What it assumes' }),
      h('ul', {}, ...answer.assumptions.map((text) => h('li', { text }))),
    ),
  ];
}

function settingsText(inputs: Readonly<Record<string, number>>, machine: Machine): string {
  return Object.entries(inputs)
    .map(([variable, value]) => {
      const unit = machine.quantities.find((q) => q.variable === variable)?.unit ?? '';
      return `${quantityName(variable, machine)} ${formatNumber(value)} ${formatUnit(unit)}`.trim();
    })
    .join(', ');
}

/** In the words of an order: `Line speed 0.87 m/s for 2 d, then change R9 (4 h), then …`. */
function wayText({ inputs, maintenance }: PlanWay, machine: Machine): string {
  const first = settingsText(inputs, machine) || 'As today';
  if (maintenance === undefined) return `${first}.`;
  const stand = maintenance.takesS > 0 ? ` (${aheadText(maintenance.takesS)})` : '';
  const then = settingsText(maintenance.inputs, machine);
  const after = then === '' ? '' : `, then ${then}`;
  return maintenance.aheadS === 0
    ? `Now ${maintenance.name}${stand}${after}.`
    : `${first} for ${aheadText(maintenance.aheadS)}, then ${maintenance.name}${stand}${after}.`;
}

/** Risk over the values of an input, with the agreed risk and the plan's value. */
function riskCurve(
  name: string,
  points: PlanAnswer['riskCurves'][string],
  planned: number | undefined,
  agreed: number,
): SVGSVGElement {
  const [low, high] = [points[0]?.value ?? 0, points.at(-1)?.value ?? 1];
  const x = (v: number) => 40 + (340 * (v - low)) / (high - low || 1);
  const y = (risk: number) => 150 - 130 * risk;
  const line = points.map((p) => `${x(p.value)},${y(p.risk)}`).join(' ');
  const label = (text: string, at: number, height: number, anchor = 'middle') =>
    svg('text', { x: String(at), y: String(height), 'text-anchor': anchor, text });
  const at = points.find((p) => planned !== undefined && Math.abs(p.value - planned) < 1e-9);
  const said = points.map((p) => `${formatNumber(p.value)}: ${chanceText(p.risk)}`).join('; ');
  return svg(
    'svg',
    {
      class: 'risk-curve',
      viewBox: '0 0 400 185',
      role: 'img',
      'aria-label': `Risk by ${name}: ${said}`,
    },
    ...[0, 0.5, 1].flatMap((r) => [
      svg('line', { class: 'grid-line', x1: '40', x2: '380', y1: String(y(r)), y2: String(y(r)) }),
      label(`${100 * r} %`, 34, y(r) + 4, 'end'),
    ]),
    svg('line', {
      class: 'agreed',
      x1: '40',
      x2: '380',
      y1: String(y(agreed)),
      y2: String(y(agreed)),
    }),
    svg('polyline', { class: 'curve', points: line }),
    ...(at === undefined
      ? []
      : [
          svg('circle', {
            class: 'chosen',
            cx: String(x(at.value)),
            cy: String(y(at.risk)),
            r: '6',
          }),
        ]),
    label(formatNumber(low), 40, 166),
    label(formatNumber(high), 380, 166),
    label(`${name} → risk; dashed: agreed`, 210, 180),
  );
}
