// The monitor's page loads this module as it is compiled, so it imports nothing.

/** A point in the plane of the machine's side view: metres, y upwards. */
export interface Point {
  x: number;
  y: number;
}

/** What the web runs around: centre, radius, and on which side. */
export interface Wheel extends Point {
  radiusM: number;
  /** Whether the web, running to the right, passes over or under it. */
  web: 'over' | 'under';
}

/** A straight length of web that touches two rollers. */
export interface Tangent {
  from: Point;
  to: Point;
}

const sideOf = (wheel: Wheel) => (wheel.web === 'over' ? 1 : -1);

/**
 * Where web that leaves one roller for the next lets go of the first and takes hold of the second:
 * the common tangent on the sides that the layout says.
 */
export function tangentBetween(a: Wheel, b: Wheel): Tangent {
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
    from: { x: a.x + ra * nx, y: a.y + ra * ny },
    to: { x: b.x + rb * nx, y: b.y + rb * ny },
  };
}

/**
 * The angle that the web is wrapped around a roller, radians: from where it arrives to where it
 * leaves, in the sense of its run.
 */
export function wrapAngle(wheel: Wheel, arrives: Point, leaves: Point): number {
  const angle = (p: Point) => Math.atan2(p.y - wheel.y, p.x - wheel.x);
  const turn = sideOf(wheel) * (angle(arrives) - angle(leaves));
  const full = 2 * Math.PI;
  return ((turn % full) + full) % full;
}

/**
 * Points of the web on a roller, `steps` + 1 of them from where it arrives to where it leaves.
 *
 * @param radiusM distance from the roller's axis
 */
export function wrapPoints(
  wheel: Wheel,
  arrives: Point,
  leaves: Point,
  steps: number,
  radiusM = wheel.radiusM,
): Point[] {
  const start = Math.atan2(arrives.y - wheel.y, arrives.x - wheel.x);
  const turn = -sideOf(wheel) * wrapAngle(wheel, arrives, leaves);
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = start + (turn * i) / steps;
    return { x: wheel.x + radiusM * Math.cos(angle), y: wheel.y + radiusM * Math.sin(angle) };
  });
}
