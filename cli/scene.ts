import { loadConfig, twinSchema } from '../shared/config/index.js';
import { printJson, TwinError } from '../shared/core/index.js';
import type { Command } from './command.js';

/** `twinloop scene`: a TwinMaker scene and its model from a twin definition. */
export const sceneCommand: Command = {
  name: 'scene',
  summary: 'A TwinMaker scene of a twin and its glTF model, as files',
  arguments: [{ name: '<twin>', description: 'twin definition' }],
  options: [
    {
      flags: '--output <dir>',
      writes: 'folder',
      description: 'folder to write into',
      required: true,
    },
    {
      flags: '--entity <id>',
      description: 'entity that is shown where the viewer names none; default: the twin’s name',
    },
  ],
  examples: ['twinloop scene twin.json --output ./scene'],
  async run(args, io) {
    // Loaded when it is needed: a worker of the same part never is.
    const { withDrawing } = await import('../shared/twin/definition/picture-file.js');
    const { createSceneFiles, writeFiles } = await import('../cloud/scene/scene-files.js');
    const path = args.twin as string;
    const read = await loadConfig(twinSchema, path, 'twin definition');
    const twin =
      read.picture === undefined
        ? read
        : { ...read, picture: await withDrawing(read.picture, path) };
    const entityId = (args.entity as string | undefined) ?? twin.name;
    const scene = await createSceneFiles(twin.name, twin, entityId);
    if (scene === undefined) {
      throw new TwinError(
        'CONFIG_INVALID',
        `${path} has neither a \`layout\` nor a model of its own (\`picture.glb\`), so there is nothing to draw. Add one: \`twinloop config schema twin\` explains it.`,
      );
    }
    const written = await writeFiles(args.output as string, scene.files);
    if (scene.skipped.length > 0) {
      io.stderr.write(
        `Left out of the scene, for TwinMaker takes only letters, digits and _ in a rule: ${scene.skipped.join(', ')}\n`,
      );
    }
    if (args.json === true) printJson(io.stdout, { files: written, skipped: scene.skipped });
    else io.stdout.write(`${written.join('\n')}\n`);
    return 0;
  },
};
