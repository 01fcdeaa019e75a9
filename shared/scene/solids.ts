/** Triangles with a normal at every corner, metres. */
export interface Solid {
  /** x, y, z of each corner. */
  positions: number[];
  normals: number[];
  /** Three corners a triangle, counter-clockwise seen from outside. */
  indices: number[];
}

const SEGMENTS = 48;

/** A cylinder along z, with its faces. */
export function cylinder(radiusM: number, lengthM: number, centreZ = 0): Solid {
  const solid: Solid = { positions: [], normals: [], indices: [] };
  const ends = [centreZ - lengthM / 2, centreZ + lengthM / 2] as const;
  const circle = Array.from({ length: SEGMENTS + 1 }, (_, i) => {
    const angle = (2 * Math.PI * i) / SEGMENTS;
    return [Math.cos(angle), Math.sin(angle)] as const;
  });
  for (const [cos, sin] of circle) {
    for (const z of ends) {
      solid.positions.push(radiusM * cos, radiusM * sin, z);
      solid.normals.push(cos, sin, 0);
    }
  }
  for (let i = 0; i < SEGMENTS; i++) {
    const k = 2 * i;
    solid.indices.push(k, k + 2, k + 3, k, k + 3, k + 1);
  }
  for (const [face, z] of ends.entries()) {
    const first = solid.positions.length / 3;
    const normal = face === 0 ? -1 : 1;
    solid.positions.push(0, 0, z);
    solid.normals.push(0, 0, normal);
    for (const [cos, sin] of circle) {
      solid.positions.push(radiusM * cos, radiusM * sin, z);
      solid.normals.push(0, 0, normal);
    }
    for (let i = 1; i <= SEGMENTS; i++) {
      if (face === 0) solid.indices.push(first, first + i + 1, first + i);
      else solid.indices.push(first, first + i, first + i + 1);
    }
  }
  return solid;
}

/** A box around a centre, turned by an angle about z. */
export function box(
  size: readonly [number, number, number],
  centre: readonly [number, number, number] = [0, 0, 0],
  angle = 0,
): Solid {
  const solid: Solid = { positions: [], normals: [], indices: [] };
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const turned = (x: number, y: number) => [cos * x - sin * y, sin * x + cos * y] as const;
  for (const axis of [0, 1, 2] as const) {
    for (const side of [-1, 1] as const) {
      const [u, v] = [(axis + 1) % 3, (axis + 2) % 3];
      const first = solid.positions.length / 3;
      const normal = [0, 0, 0];
      normal[axis] = side;
      const [nx, ny] = turned(normal[0] ?? 0, normal[1] ?? 0);
      for (const [a, b] of [
        [-1, -1],
        [1, -1],
        [1, 1],
        [-1, 1],
      ] as const) {
        const corner = [0, 0, 0];
        corner[axis] = (side * size[axis]) / 2;
        corner[u] = (a * (size[u] ?? 0)) / 2;
        corner[v] = (b * (size[v] ?? 0)) / 2;
        const [x, y] = turned(corner[0] ?? 0, corner[1] ?? 0);
        solid.positions.push(centre[0] + x, centre[1] + y, centre[2] + (corner[2] ?? 0));
        solid.normals.push(nx, ny, normal[2] ?? 0);
      }
      const turn = side === 1 ? [0, 1, 2, 0, 2, 3] : [0, 2, 1, 0, 3, 2];
      solid.indices.push(...turn.map((i) => first + i));
    }
  }
  return solid;
}

/** A ribbon of a width along z that follows a path; to be seen from both sides. */
export function ribbon(path: readonly { x: number; y: number }[], widthM: number): Solid {
  const solid: Solid = { positions: [], normals: [], indices: [] };
  path.forEach((point, i) => {
    const before = path[Math.max(0, i - 1)] ?? point;
    const after = path[Math.min(path.length - 1, i + 1)] ?? point;
    const length = Math.hypot(after.x - before.x, after.y - before.y) || 1;
    const normal = [-(after.y - before.y) / length, (after.x - before.x) / length] as const;
    for (const z of [-widthM / 2, widthM / 2]) {
      solid.positions.push(point.x, point.y, z);
      solid.normals.push(normal[0], normal[1], 0);
    }
    if (i === 0) return;
    const k = 2 * (i - 1);
    solid.indices.push(k, k + 1, k + 3, k, k + 3, k + 2);
  });
  return solid;
}

/** Several solids as one. */
export function merge(...solids: readonly Solid[]): Solid {
  const all: Solid = { positions: [], normals: [], indices: [] };
  for (const solid of solids) {
    const first = all.positions.length / 3;
    all.positions.push(...solid.positions);
    all.normals.push(...solid.normals);
    all.indices.push(...solid.indices.map((i) => first + i));
  }
  return all;
}
