import { getBounds, Logger, type Node, NodeIO } from '@gltf-transform/core';

type Vector3 = [x: number, y: number, z: number];

/** Where a node of a model is. */
export interface NodePlace {
  /** Its place, turn (Euler angles about x, y, z, radians) and scale beside its parent. */
  position: Vector3;
  rotation: Vector3;
  scale: Vector3;
  /** The middle of its upper side in the model's space, metres. */
  above: Vector3;
}

export interface OwnModel {
  /** Nodes by name. */
  nodes: ReadonlyMap<string, NodePlace>;
  bounds: { min: Vector3; max: Vector3 };
}

/**
 * Reads where the nodes of a model of one's own are.
 *
 * @param bytes binary glTF
 */
export async function readOwnModel(bytes: Uint8Array): Promise<OwnModel> {
  const io = new NodeIO().setLogger(new Logger(Logger.Verbosity.SILENT));
  const root = (await io.readBinary(bytes)).getRoot();
  const scene = root.getDefaultScene() ?? root.listScenes()[0];
  const nodes = new Map<string, NodePlace>();
  for (const node of root.listNodes()) nodes.set(node.getName(), placeOf(node));
  const bounds = scene === undefined ? undefined : finite(getBounds(scene));
  return { nodes, bounds: bounds ?? { min: [-1, -1, -1], max: [1, 1, 1] } };
}

function placeOf(node: Node): NodePlace {
  const bounds = finite(getBounds(node));
  const [x, y, z] = node.getWorldTranslation();
  const above: Vector3 =
    bounds === undefined
      ? [x, y, z]
      : [(bounds.min[0] + bounds.max[0]) / 2, bounds.max[1], (bounds.min[2] + bounds.max[2]) / 2];
  return {
    position: [...node.getTranslation()],
    rotation: eulerOf(node.getRotation()),
    scale: [...node.getScale()],
    above,
  };
}

/** Bounds of something that has any extent. */
function finite(bounds: { min: number[]; max: number[] }) {
  const all = [...bounds.min, ...bounds.max];
  return all.every(Number.isFinite) ? (bounds as { min: Vector3; max: Vector3 }) : undefined;
}

/** A unit quaternion as angles about x, then y, then z of the turned body. */
function eulerOf([x, y, z, w]: readonly number[] & { length: 4 }): Vector3 {
  const sinY = Math.max(-1, Math.min(1, 2 * (x! * z! + y! * w!)));
  const locked = Math.abs(sinY) > 0.9999999;
  return [
    locked
      ? Math.atan2(2 * (y! * z! + x! * w!), 1 - 2 * (x! * x! + z! * z!))
      : Math.atan2(-2 * (y! * z! - x! * w!), 1 - 2 * (x! * x! + y! * y!)),
    Math.asin(sinY),
    locked ? 0 : Math.atan2(-2 * (x! * y! - z! * w!), 1 - 2 * (y! * y! + z! * z!)),
  ];
}
