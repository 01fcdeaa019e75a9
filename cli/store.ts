import { printJson, printLine } from '../shared/core/index.js';
import { backUpStore, openStore, restoreStore } from '../shared/store/index.js';
import type { Command } from './command.js';

const placeOption = (flags: string, description: string) => ({
  flags,
  description: `${description}: a folder, or s3://bucket/prefix`,
  required: true,
});

/** `store backup`: states and models to another place. */
const storeBackup: Command = {
  name: 'store backup',
  summary: 'Copy states, versions of twins and their FMUs to another place',
  options: [
    placeOption('--store <place>', 'what is backed up'),
    placeOption('--to <place>', 'where the backup goes, a place of its own'),
    { flags: '--reports', description: 'also the reports of all runs' },
  ],
  examples: ['twinloop store backup --store s3://my-bucket --to s3://my-backups/2026-01-31'],
  async run(args, io) {
    const objects = await backUpStore(openStore(String(args.store)), openStore(String(args.to)), {
      reports: args.reports === true,
    });
    const bytes = objects.reduce((sum, o) => sum + o.bytes, 0);
    const states = objects.filter((o) => o.key.startsWith('state/')).length;
    if (args.json === true) printJson(io.stdout, { objects: objects.length, states, bytes });
    else printLine(io.stdout, `${objects.length} objects, ${states} states, ${bytes} bytes.`);
    return 0;
  },
};

/** `store restore`: a backup into a store. */
const storeRestore: Command = {
  name: 'store restore',
  summary: 'Bring a backup back, checked before anything is written',
  options: [
    placeOption('--from <place>', 'the backup'),
    placeOption('--store <place>', 'where it is brought back to'),
    {
      flags: '--only <prefix>',
      description: 'only keys that begin so, e.g. state/plant/line1.json',
    },
    { flags: '--overwrite', description: 'also what has other content in the store now' },
  ],
  examples: ['twinloop store restore --from s3://my-backups/2026-01-31 --store s3://my-bucket'],
  async run(args, io) {
    const done = await restoreStore(openStore(String(args.from)), openStore(String(args.store)), {
      overwrite: args.overwrite === true,
      ...(typeof args.only === 'string' ? { prefix: args.only } : {}),
    });
    if (args.json === true) printJson(io.stdout, done);
    else {
      printLine(
        io.stdout,
        `${done.restored.length} objects restored, ${done.same} were there with the same content.`,
      );
    }
    return 0;
  },
};

/** Commands about whole stores. */
export const storeCommands: readonly Command[] = [storeBackup, storeRestore];
