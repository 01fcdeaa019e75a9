import { parseArgs } from 'node:util';

/**
 * What a script was called with. `--help` prints how it is called and ends it; an option that it does not
 * have ends it with 2.
 *
 * @param {string} usage how it is called, in lines
 * @param {import('node:util').ParseArgsConfig['options']} options as `parseArgs` takes them
 * @param {number} [most] words beside the options
 */
export function readArguments(usage, options, most = 0) {
  const wrong = (message) => {
    console.error(`${message.replace(/\.$/, '')}. --help tells the options.`);
    process.exit(2);
  };
  let read;
  try {
    read = parseArgs({
      options: { ...options, help: { type: 'boolean' } },
      allowPositionals: most > 0,
    });
  } catch (error) {
    return wrong(error.message.split('. To ')[0]);
  }
  if (read.values.help) {
    console.log(`Usage: ${usage}`);
    process.exit(0);
  }
  if (read.positionals.length > most) {
    return wrong(`${read.positionals.slice(most).join(' ')} is too much`);
  }
  return read;
}
