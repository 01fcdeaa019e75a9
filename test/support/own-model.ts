import { Document, type Material, NodeIO } from '@gltf-transform/core';

/** A white pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4////fwAJ+wP9KobjigAAAABJRU5ErkJggg==',
  'base64',
);

/** The corners and faces of a box around a middle. */
function boxOf(size: readonly number[], [cx, cy, cz]: readonly [number, number, number]) {
  const positions: number[] = [];
  for (let i = 0; i < 8; i++) {
    positions.push(
      cx + (i & 1 ? 0.5 : -0.5) * size[0]!,
      cy + (i & 2 ? 0.5 : -0.5) * size[1]!,
      cz + (i & 4 ? 0.5 : -0.5) * size[2]!,
    );
  }
  const faces = [
    [0, 2, 3, 1],
    [4, 5, 7, 6],
    [0, 1, 5, 4],
    [2, 6, 7, 3],
    [0, 4, 6, 2],
    [1, 3, 7, 5],
  ];
  const indices = faces.flatMap(([a, b, c, d]) => [a!, b!, c!, a!, c!, d!]);
  return { positions, indices };
}

/** A model as somebody's CAD program might export it: a tank, a dial with its needle, a lamp. */
export async function ownModel(): Promise<Uint8Array> {
  const document = new Document();
  const buffer = document.createBuffer();
  const scene = document.createScene();
  const texture = document.createTexture().setImage(PNG).setMimeType('image/png');
  // Used by several parts: colouring one must not colour the others.
  const grey = document.createMaterial('grey').setBaseColorFactor([0.6, 0.6, 0.6, 1]);
  const textured = document.createMaterial('label').setBaseColorTexture(texture);
  const part = (
    name: string,
    size: [number, number, number],
    middle: [number, number, number],
    material: Material,
  ) => {
    const { positions, indices } = boxOf(size, middle);
    const accessor = (type: 'VEC3' | 'VEC2' | 'SCALAR', array: Float32Array | Uint16Array) =>
      document
        .createAccessor()
        .setType(type)
        .setArray(array as Float32Array<ArrayBuffer>)
        .setBuffer(buffer);
    const primitive = document
      .createPrimitive()
      .setAttribute('POSITION', accessor('VEC3', Float32Array.from(positions)))
      .setAttribute('TEXCOORD_0', accessor('VEC2', new Float32Array(16)))
      .setIndices(accessor('SCALAR', Uint16Array.from(indices)))
      .setMaterial(material);
    return document.createNode(name).setMesh(document.createMesh(name).addPrimitive(primitive));
  };
  const shell = document.createNode('Line 1').setTranslation([0, 0.5, 0]);
  scene.addChild(shell);
  shell.addChild(part('tank.1', [0.8, 1, 0.8], [0, 0.5, 0], grey).setTranslation([-1, 0, 0]));
  shell.addChild(
    part('needle', [0.05, 0.7, 0.05], [0, 0.25, 0], textured)
      .setTranslation([0.4, 0.4, 0.3])
      .setRotation([0, 0, Math.SQRT1_2, Math.SQRT1_2]),
  );
  shell.addChild(part('lamp', [0.2, 0.2, 0.2], [0, 0, 0], grey).setTranslation([1.2, 1, 0]));
  return new NodeIO().writeBinary(document);
}
