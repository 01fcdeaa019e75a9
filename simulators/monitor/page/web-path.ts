import type { LayoutComponent } from './protocol.js';

/** A point on the screen: metres, y downwards. */
export interface Point {
  x: number;
  y: number;
}

/** A straight length of web that touches two rollers. */
export interface Tangent {
  from: Point;
  to: Point;
}

const sideOf = (c: LayoutComponent) => (c.web === 'over' ? 1 : -1);

/**
 * Where web that leaves one roller for the next lets go of the first and takes hold of the second:
 * the common tangent on the sides that the layout says.
 */
export function tangentBetween(a: LayoutComponent, b: LayoutComponent): Tangent {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const distance = Math.hypot(dx, dy) || 1;
  const [ux, uy] = [dx / distance, dy / distance];
  const ra = sideOf(a) * a.radiusM;
  const rb = sideOf(b) * b.radiusM;
  // The normal n of the tangent has (b - a)·n = ra - rb.
  const sine = Math.max(-1, Math.min(1, (ra - rb) / distance));
  const cosine = Math.sqrt(1 - sine * sine);
  const nx = -cosine * uy + sine * ux;
  const ny = cosine * ux + sine * uy;
  return {
    from: { x: a.x + ra * nx, y: -(a.y + ra * ny) },
    to: { x: b.x + rb * nx, y: -(b.y + rb * ny) },
  };
}

/** The arc of web on a roller as an SVG path, from where it arrives to where it leaves. */
export function wrapPath(c: LayoutComponent, arrives: Point, leaves: Point): string {
  const angle = (p: Point) => Math.atan2(p.y + c.y, p.x - c.x);
  // Over the top to the right is clockwise; SVG angles grow clockwise.
  const turn = sideOf(c) * (angle(leaves) - angle(arrives));
  const large = ((turn % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI) > Math.PI ? 1 : 0;
  const sweep = c.web === 'over' ? 1 : 0;
  const r = c.radiusM;
  return `M${arrives.x} ${arrives.y}A${r} ${r} 0 ${large} ${sweep} ${leaves.x} ${leaves.y}`;
}
