import type { TwinPicture } from '../../config/index.js';
import { messageOf, type Problem } from '../../core/index.js';

/** A model larger than this is not for a page that is sent to every browser. */
const MOST_BYTES = 8 << 20;
/** Extensions without which a viewer can't show a model, and which need no decoder of their own. */
const SHOWN_EXTENSIONS =
  /^KHR_(materials_\w+|texture_transform|mesh_quantization|lights_punctual)$/;
const NAMES_TOLD = 20;

interface GltfJson {
  nodes?: { name?: string }[];
  buffers?: { uri?: string }[];
  images?: { uri?: string }[];
  extensionsRequired?: string[];
}

/** The JSON of a binary glTF 2.0; a text that says why it is none. */
function jsonOf(bytes: Uint8Array): GltfJson | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 20 || view.getUint32(0, true) !== 0x46546c67)
    return 'it does not begin with "glTF"';
  const version = view.getUint32(4, true);
  if (version !== 2) return `it is of version ${version}`;
  if (view.getUint32(8, true) !== bytes.length)
    return `it has ${bytes.length} bytes and says ${view.getUint32(8, true)}`;
  try {
    const length = view.getUint32(12, true);
    return JSON.parse(Buffer.from(bytes.subarray(20, 20 + length)).toString('utf8')) as GltfJson;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * What speaks against a model of one's own: that it is no binary glTF, too large, not all of itself, or
 * lacks a node that is bound.
 */
export async function modelProblems(
  bytes: Uint8Array,
  bind: NonNullable<TwinPicture['bind']>,
): Promise<Problem[]> {
  const path = 'picture.glb';
  if (bytes.length > MOST_BYTES) {
    const mb = (bytes.length / 1e6).toFixed(1);
    return [
      { path, message: `found ${mb} MB: expected at most 8 MB; simplify it or its textures` },
    ];
  }
  const gltf = jsonOf(bytes);
  if (typeof gltf === 'string') {
    return [{ path, message: `found no binary glTF 2.0 (${gltf}): expected a .glb file` }];
  }
  const problems: Problem[] = [];
  const outside = [...(gltf.buffers ?? []), ...(gltf.images ?? [])].find(
    (x) => x.uri !== undefined,
  );
  if (outside !== undefined) {
    const shown = outside.uri?.slice(0, 60);
    problems.push({
      path,
      message: `found a part outside of the file (${shown}): export it whole`,
    });
  }
  const foreign = (gltf.extensionsRequired ?? []).filter((e) => !SHOWN_EXTENSIONS.test(e));
  if (foreign.length > 0) {
    const message = `found that it needs ${foreign.join(', ')}: export it without compression`;
    problems.push({ path, message });
  }
  if (problems.length === 0) {
    const { NodeIO, Logger } = await import('@gltf-transform/core');
    try {
      await new NodeIO().setLogger(new Logger(Logger.Verbosity.SILENT)).readBinary(bytes);
    } catch (error) {
      problems.push({ path, message: `found a broken glTF (${messageOf(error)})` });
    }
  }
  const names = (gltf.nodes ?? []).map((node) => node.name ?? '');
  bind.forEach(({ element }, i) => {
    const found = names.filter((name) => name === element).length;
    if (found === 1) return;
    const told = [...new Set(names)].filter((name) => name !== '').slice(0, NAMES_TOLD);
    const there = `${told.join(', ') || 'none'}${names.length > NAMES_TOLD ? ', …' : ''}`;
    problems.push({
      path: `picture.bind[${i}].element`,
      message:
        found === 0
          ? `found "${element}", which no node of the model is called: its nodes are ${there}`
          : `found "${element}", which ${found} nodes of the model are called: give each a name of its own`,
    });
  });
  return problems;
}
