import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { packageFile } from '../../shared/core/index.js';

/** Whether a Python has a module; without, the tests that need it are skipped. */
export function pythonHas(python: string | undefined, module: string): boolean {
  return python !== undefined && spawnSync(python, ['-c', `import ${module}`]).status === 0;
}

/** A free port on loopback. */
export const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** A program that answers each line of JSON on its stdin with one on its stdout. */
export interface Judge {
  /** What it said when it was ready. */
  hello: Record<string, unknown>;
  ask(command: object): Promise<Record<string, unknown>>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts a Python script of this folder; resolves when it has said its first line. */
export async function startJudge(python: string, script: string, settings: object): Promise<Judge> {
  const file = packageFile(`test/judges/${script}`);
  return await startProgram(python, ['-u', file, JSON.stringify(settings)]);
}

/** Starts a program that answers lines; resolves when it has said its first. */
export async function startProgram(command: string, args: string[]): Promise<Judge> {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString('utf8')).slice(-20_000);
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  const early: string[] = [];
  const lines = createInterface({ input: child.stdout! });
  lines.on('line', (line) => {
    const next = waiting.shift();
    if (next === undefined) early.push(line);
    else next.resolve(line);
  });
  void exited.then(() => {
    for (const w of waiting.splice(0))
      w.reject(new Error(`${command} ${args.join(' ')} ended:\n${errors}`));
  });
  const read = async () => {
    const line =
      early.shift() ??
      (await new Promise<string>((resolve, reject) => waiting.push({ resolve, reject })));
    return JSON.parse(line) as Record<string, unknown>;
  };
  return {
    hello: await read(),
    ask: async (command) => {
      child.stdin?.write(`${JSON.stringify(command)}\n`);
      return await read();
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
