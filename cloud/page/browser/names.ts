import type { Layout, LayoutComponent, Machine, Quantity } from './protocol.js';

/** A quantity's name for people: as the definition names it, or by its place in the layout. */
export function nameOf(quantity: Quantity, layout: Layout | undefined): string {
  if (quantity.named) return quantity.label;
  for (const c of layout?.components ?? []) {
    if (c.drag === quantity.variable) return `Drag of ${c.id}`;
    if (c.speed === quantity.variable) return `Speed of ${c.id}`;
    if (c.slip === quantity.variable) return `Slip on ${c.id}`;
  }
  for (const span of layout?.spans ?? []) {
    if (span.tension === quantity.variable) return `Tension ${span.from} → ${span.to}`;
  }
  return quantity.label;
}

/** The same of a variable. */
export function quantityName(variable: string, machine: Machine): string {
  const quantity = machine.quantities.find((q) => q.variable === variable);
  return quantity === undefined ? variable : nameOf(quantity, machine.layout);
}

/** The component that a quantity belongs to. */
export function componentOf(
  quantity: Quantity,
  layout: Layout | undefined,
): LayoutComponent | undefined {
  const { variable } = quantity;
  const own = layout?.components.find((c) => [c.drag, c.speed, c.slip].includes(variable));
  if (own !== undefined) return own;
  const span = layout?.spans.find((s) => s.tension === variable);
  return layout?.components.find((c) => c.id === span?.to);
}

/** What to show together with a quantity: all that concerns the same part of the machine. */
export function relatedTo(quantity: Quantity, machine: Machine): Quantity[] {
  const component = componentOf(quantity, machine.layout);
  if (component === undefined) return [quantity];
  const tensions = (machine.layout?.spans ?? [])
    .filter((s) => s.from === component.id || s.to === component.id)
    .map((s) => s.tension);
  const wanted = [component.drag, component.speed, component.slip, ...tensions];
  const related = wanted.flatMap((variable) =>
    machine.quantities.filter((q) => q.variable === variable),
  );
  return related.includes(quantity) ? related : [quantity, ...related];
}

/** Why a number is what it is, in one sentence. */
export function whyOf(quantity: Quantity): string {
  switch (quantity.role) {
    case 'measured':
      return 'Grey is what the sensor reads; blue is what the calibrated model expects, with its band.';
    case 'parameter':
      return 'No sensor shows this. It is what the model needs to be to explain the measurements.';
    case 'virtualSensor':
      return 'No sensor shows this. The calibrated model computes it; the band holds it with 95 %.';
    case 'input':
      return 'Set from outside; the model takes it as given.';
  }
}

/** What a group of quantities is, from what their names have in common: `Tension R1 → R2, …` are tensions. */
export function kindOf(names: readonly string[]): string | undefined {
  const [word] = names[0]?.split(' ') ?? [];
  const common = names.length > 1 && names.every((name) => name.split(' ')[0] === word);
  return common ? word?.toLowerCase() : undefined;
}
