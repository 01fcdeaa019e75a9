import { Option } from 'commander';
import { expect, it } from 'vitest';
import { loadCommands } from '../../../cli/commands.js';

const commands = await loadCommands();

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
