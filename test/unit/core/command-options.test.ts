import { Option } from 'commander';
import { expect, it } from 'vitest';
import { cloudCommands } from '../../../cloud/index.js';
import { edgeCommands } from '../../../edge-component/index.js';
import { calibrationCommands } from '../../../shared/calibration/index.js';
import { configCommands } from '../../../shared/config/index.js';
import { fmiCommands } from '../../../shared/fmi/index.js';
import { siteWiseCommands } from '../../../simulators/index.js';

const commands = [
  ...calibrationCommands,
  ...cloudCommands,
  ...configCommands,
  ...edgeCommands,
  ...fmiCommands,
  ...siteWiseCommands,
];

it.each(commands.map((command) => [command.name, command] as const))(
  '%s: commander reads every option as its flags are meant',
  (_name, command) => {
    for (const { flags } of command.options ?? []) {
      const option = new Option(flags);
      expect(option.variadic, flags).toBe(flags.includes('...'));
      // Commander takes brackets inside of `<…>` for a value that may be left out.
      expect(option.required && option.optional, flags).toBe(false);
    }
  },
);
